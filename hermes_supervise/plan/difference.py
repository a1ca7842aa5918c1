"""
What changes between two plans, in the words of the configuration file. Pure.

Values of environment variables are never shown: they are where secrets live.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar

from hermes_supervise.model.spec import (
    FileProbe,
    Launch,
    Plan,
    Probe,
    Program,
    Restart,
    Settings,
    Stop,
    TcpProbe,
    User,
)
from hermes_supervise.plan.durations import duration_text

_T = TypeVar("_T")


class Action(StrEnum):
    """What a reload does to a program."""

    ADD = "add"
    REMOVE = "remove"
    RESTART = "restart"
    UPDATE = "update"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """
    One key of the configuration that has another value now.

    For a variable of ``environment`` the values are the words ``added``, ``removed`` or
    ``changed`` (as ``new``, with an empty ``old``), never what it is set to.
    """

    key: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one program, and why."""

    name: str
    action: Action
    fields: tuple[FieldChange, ...] = ()


def differences(old: Plan, new: Plan) -> tuple[Change, ...]:
    """
    Return what happens to each program: those of *new* in its order, then those that go.

    ``restart`` is asked for exactly when the launch differs; ``update`` when only rules differ
    that take effect at once.
    """
    before = {program.name: program for program in old.programs}
    staying = {program.name for program in new.programs}
    changes = [_change(before.get(program.name), program) for program in new.programs]
    changes += [
        Change(name=program.name, action=Action.REMOVE)
        for program in old.programs
        if program.name not in staying
    ]
    return tuple(changes)


def settings_differences(old: Settings, new: Settings) -> tuple[FieldChange, ...]:
    """Return what differs in the ``supervisor`` section (``address_file`` follows the file)."""
    return tuple(_flat_changes(_settings_words(old), _settings_words(new)))


def _change(old: Program | None, new: Program) -> Change:
    if old is None:
        return Change(name=new.name, action=Action.ADD)
    if old == new:
        return Change(name=new.name, action=Action.NONE)
    found = [
        *_flat_changes(_program_words(old), _program_words(new)),
        *_environment_changes(old.launch.environment, new.launch.environment),
    ]
    action = Action.UPDATE
    if old.launch != new.launch:
        action = Action.RESTART
    elif not found and old.revision == new.revision:
        # Differs in a way that the file has no word for (the group of an unchanged name).
        action = Action.UPDATE if old.group != new.group else Action.NONE
    return Change(name=new.name, action=action, fields=tuple(found))


def _flat_changes(old: dict[str, str], new: dict[str, str]) -> Iterator[FieldChange]:
    for key in [*new, *(key for key in old if key not in new)]:
        before, after = old.get(key, "none"), new.get(key, "none")
        if before != after:
            yield FieldChange(key=key, old=before, new=after)


def _environment_changes(old: dict[str, str], new: dict[str, str]) -> Iterator[FieldChange]:
    for variable in sorted({*old, *new}):
        key = f"environment.{variable}"
        if variable not in old:
            yield FieldChange(key=key, old="", new="added")
        elif variable not in new:
            yield FieldChange(key=key, old="", new="removed")
        elif old[variable] != new[variable]:
            yield FieldChange(key=key, old="", new="changed")


def _program_words(program: Program) -> dict[str, str]:
    words = _launch_words(program.launch)
    words["autostart"] = program.autostart
    words["start.timeout"] = duration_text(program.start.timeout)
    words["start.settle"] = duration_text(program.start.settle)
    words.update(_stop_words(program.stop))
    words.update(_restart_words(program.restart))
    words["owner"] = "none"
    if program.owner is not None:
        words["owner"] = f"{{{program.owner.kind}: {program.owner.path}}}"
    return words


def _launch_words(launch: Launch) -> dict[str, str]:
    words = {
        "command": _list(launch.argv),
        "directory": launch.directory,
        "inherit_environment": _word(launch.inherit_environment),
        **_user_words(launch.user),
        "umask": "none" if launch.umask is None else f'"{launch.umask:03o}"',
        "backend": launch.backend,
        "logs.mode": launch.logs.mode,
        "logs.path": launch.logs.path or "none",
        "logs.stderr": launch.logs.stderr or "same",
    }
    marker = launch.marker
    if marker is None:
        words["stop.marker"] = "none"
        return words
    words["stop.marker.path"] = marker.path
    words["stop.marker.format"] = marker.format
    words["stop.marker.target"] = "child"
    if marker.pid_file is not None:
        words["stop.marker.target"] = f"{{pid_file: {marker.pid_file}}}"
    return words


def _user_words(user: User | None) -> dict[str, str]:
    if user is None:
        return {"user": "none"}
    return {
        "user": f"{user.name} (uid {user.uid}, home {user.home})",
        "group": str(user.gid),
        "groups": _list(tuple(str(group) for group in user.groups)),
    }


def _stop_words(stop: Stop) -> dict[str, str]:
    return {
        "stop.signal": "none" if stop.signal is None else _signal(stop.signal),
        "stop.drain_timeout": duration_text(stop.drain_timeout),
        "stop.drain_limit": duration_text(stop.drain_limit),
        "stop.drained": _probe(stop.drained),
        "stop.linger": duration_text(stop.linger),
        "stop.force.tree": _word(stop.force_tree),
        "stop.force.interval": duration_text(stop.force_interval),
    }


def _restart_words(restart: Restart) -> dict[str, str]:
    words = {
        "restart.policy": restart.policy,
        "restart.success_exit_codes": _list(restart.success_exit_codes),
        "restart.restart_exit_codes": _list(restart.restart_exit_codes),
        "restart.fatal_exit_codes": _list(restart.fatal_exit_codes),
        "restart.fatal_retry_after": _duration(restart.fatal_retry_after),
    }
    for spec in fields(restart.backoff):
        value = getattr(restart.backoff, spec.name)
        render = _number if spec.name in {"factor", "jitter"} else duration_text
        words[f"restart.backoff.{spec.name}"] = render(value)
    give_up = restart.give_up
    if give_up is None:
        words["restart.give_up"] = "none"
        return words
    words["restart.give_up.failures"] = str(give_up.failures)
    words["restart.give_up.within"] = duration_text(give_up.within)
    words["restart.give_up.retry_after"] = _duration(give_up.retry_after)
    return words


def _settings_words(settings: Settings) -> dict[str, str]:
    timeout = settings.shutdown_timeout
    return {
        "supervisor.state_dir": settings.state_dir,
        "supervisor.socket": settings.socket,
        "supervisor.socket_group": _optional(settings.socket_gid, str),
        "supervisor.on_exit": settings.on_exit,
        "supervisor.shutdown_timeout": "auto" if timeout is None else duration_text(timeout),
        "supervisor.cgroups": settings.cgroups,
    }


def _probe(probe: Probe | None) -> str:
    if probe is None:
        return "none"
    if isinstance(probe, TcpProbe):
        return f"{{tcp: {{port: {probe.port}, host: {probe.host}, open: {_word(probe.open)}}}}}"
    if not isinstance(probe, FileProbe):
        return f"{{unlocked: {{path: {probe.path}}}}}"
    parts = [f"path: {probe.path}", f"exists: {_word(probe.exists)}"]
    if probe.max_age is not None:
        parts.append(f"max_age: {duration_text(probe.max_age)}")
    if probe.json is not None:
        named = ", ".join(f"{key}: {_word(value)}" for key, value in probe.json.items())
        parts.append(f"json: {{{named}}}")
    return f"{{file: {{{', '.join(parts)}}}}}"


def _optional(value: _T | None, render: Callable[[_T], str]) -> str:
    return "none" if value is None else render(value)


def _duration(seconds: float | None) -> str:
    return _optional(seconds, duration_text)


def _list(items: tuple[object, ...]) -> str:
    return f"[{', '.join(map(str, items))}]"


def _word(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    return f"{value:g}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
