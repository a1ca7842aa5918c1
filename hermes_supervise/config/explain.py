"""Pydantic's errors in our words: what was got, what is wanted, what to write instead."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from hermes_supervise.config.keys import homes_of, keys_of, section_at
from hermes_supervise.config.notes import Notes, Path, is_secret
from hermes_supervise.config.problems import shortened
from hermes_supervise.config.scalars import GUESS_LIMIT, Misread


def explain(error: ValidationError, notes: Notes) -> None:
    """Add each error of a validated document to *notes*."""
    for each in error.errors(include_url=False):
        _WAYS.get(each["type"], _wrong_shape)(each, notes)


def _wrong(each: Any, notes: Notes) -> None:
    path, context = tuple(each["loc"]), each.get("ctx", {})
    on_key = path[-1] == "[key]" or bool(context.get("on_key"))
    if path[-1] == "[key]":
        path = path[:-1]
    path = (*path, *context.get("at", ()))
    value = path[-1] if on_key else _value_at(path, each["input"], context, notes)
    write = _write(path, context, value, notes, on_key)
    note = trap(value, notes.raw(path)) if not on_key else None
    message = f"got {got(value, hidden=is_secret(path))}, want {context['want']}"
    if is_secret(path):
        note = None
    notes.problem(path, message, note=note, write=write, on_key=on_key)


def _value_at(path: Path, given: Any, context: dict[str, Any], notes: Notes) -> Any:
    if "at" not in context:
        return given
    place = notes.place(path)
    return place.value if place.complete else given


def _write(
    path: Path, context: dict[str, Any], value: Any, notes: Notes, on_key: bool
) -> str | None:
    write = context.get("write")
    raw = notes.raw(path)
    if write is None and context.get("quote") and raw is not None:
        write = '"…"' if is_secret(path) else f'"{shortened(raw)}"'
    if write is None and "choices" in context and isinstance(value, str):
        near = _near(value.lower(), context["choices"])
        write = near[0] if near else None
    if write is None:
        return None
    if on_key:
        return f"{write}:"
    return f"- {write}" if isinstance(path[-1], int) else f"{path[-1]}: {write}"


def _not_yet(each: Any, notes: Notes) -> None:
    path, context = tuple(each["loc"]), each.get("ctx", {})
    what, want = context["what"], context["want"]
    path = (*path, *context.get("at", ()))
    write = f"{path[-1]}: none" if want == "none" else None
    notes.problem(
        path,
        f"{what} is not yet there, want {want}",
        note="This version does not do it yet; a later one will.",
        write=write,
        on_key="at" in context,
    )


def _exactly_one(each: Any, notes: Notes) -> None:
    path, context = tuple(each["loc"]), each.get("ctx", {})
    notes.problem(path, f"got {context['got']}, want {context['want']}")


def _disagree(each: Any, notes: Notes) -> None:
    path, context = tuple(each["loc"]), each.get("ctx", {})
    for key, message, write in context["found"]:
        notes.problem((*path, key), message, write=write)


def _unknown_key(each: Any, notes: Notes) -> None:
    path = tuple(each["loc"])
    section = section_at(path[:-1])
    known = keys_of(section) if section else []
    key = str(path[-1])
    raw = notes.raw(path)
    rest = "" if raw is None else f" {shortened(raw)}"
    near = _near(key, known)
    if near:
        notes.problem(path, "no such key", write=f"{near[0]}:{rest}", on_key=True)
        return
    home = next((home for home in homes_of(key) if home != path[:-1]), None)
    foreign = FOREIGN_WORDS.get(key) if path[:1] in {("programs",), ("defaults",)} else None
    if home is not None or foreign is not None:
        parts = (*home, key) if home is not None else foreign or ()
        note = f"Here it is `{'.'.join(parts)}`."
        if home is not None:
            note = f"`{key}` belongs under `{'.'.join(home)}`."
        indented = [f"{'  ' * depth}{part}:" for depth, part in enumerate(parts)]
        write = "\n".join(indented) + (rest if home is not None else " …")
        notes.problem(path, "no such key here", note=note, write=write, on_key=True)
        return
    notes.problem(path, "no such key", note=f"known keys: {', '.join(known)}", on_key=True)


def _near(word: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(word, known, 1, 0.6) if len(word) <= GUESS_LIMIT else []


def _missing(each: Any, notes: Notes) -> None:
    path = tuple(each["loc"])
    if path == ("programs",):
        notes.problem(path, "missing, want the programs by name", write=EXAMPLE)
        return
    notes.problem(path, "missing", write=f"{path[-1]}: …")


def _wrong_shape(each: Any, notes: Notes) -> None:
    path, value = tuple(each["loc"]), each["input"]
    wanted = "a list" if each["type"] == "list_type" else "a mapping"
    raw = notes.raw(path)
    hidden = is_secret(path)
    notes.problem(
        path,
        f"got {got(value, hidden)}, want {wanted}",
        note=None if hidden else trap(value, raw),
        write=_shape_guess(path, value, raw, wanted),
    )


def _shape_guess(path: Path, value: Any, raw: str | None, wanted: str) -> str | None:
    if path[-1] == "environment":
        return 'environment: {KEY: "value"}'
    if not raw:
        return None
    if wanted == "a list":
        return f"{path[-1]}: [{shortened(raw)}]"
    if path[-1] == "restart" and isinstance(value, bool):
        return f"restart: {{policy: {'always' if value else 'never'}}}"
    if isinstance(value, bool):
        return None
    member = "command" if len(path) == 2 else FIRST_KEYS.get(str(path[-1]))
    return None if member is None else f"{path[-1]}: {{{member}: {shortened(raw)}}}"


FIRST_KEYS = {
    "start": "timeout",
    "stop": "drain_timeout",
    "restart": "policy",
    "marker": "path",
    "owner": "pid_file",
    "logs": "path",
    "backoff": "first",
}
"""What a single value in the place of a section usually means."""

FOREIGN_WORDS: dict[str, tuple[str, ...]] = {
    "args": ("command",),
    "autorestart": ("restart", "policy"),
    "cmd": ("command",),
    "cwd": ("directory",),
    "env": ("environment",),
    "env_file": ("environment_file",),
    "envFile": ("environment_file",),
    "exec": ("command",),
    "instances": ("for_each",),
    "kill_timeout": ("stop", "drain_timeout"),
    "numprocs": ("for_each",),
    "run": ("command",),
    "script": ("command",),
    "startsecs": ("start", "settle"),
    "startretries": ("restart", "give_up", "failures"),
    "stdout_logfile": ("logs", "path"),
    "stderr_logfile": ("logs", "stderr"),
    "stop_signal": ("stop", "signal"),
    "stop_timeout": ("stop", "drain_timeout"),
    "stopsignal": ("stop", "signal"),
    "stopwaitsecs": ("stop", "drain_timeout"),
    "working_dir": ("directory",),
}
"""What other supervisors call it."""

_WAYS = {
    "wrong": _wrong,
    "not_yet": _not_yet,
    "exactly_one": _exactly_one,
    "disagree": _disagree,
    "extra_forbidden": _unknown_key,
    "missing": _missing,
}

EXAMPLE = "programs:\n  chat:\n    command: [my-gateway]"


def got(value: Any, hidden: bool = False) -> str:
    """Return *value* in a few words; with *hidden*, only what kind of value it is."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    if hidden:
        return "a text" if isinstance(value, str) else "a number"
    if isinstance(value, Misread):
        return value.reading.removeprefix("the number ")
    return f'"{shortened(value)}"' if isinstance(value, str) else str(value)


def trap(value: Any, raw: str | None) -> str | None:
    """Return the sentence that names the trap of YAML which somebody fell into, if one did."""
    if isinstance(value, Misread):
        return f"YAML reads {value.raw} as {value.reading}."
    if raw is None:
        return None
    if isinstance(value, bool) and raw not in {"true", "false"}:
        return f"YAML reads a bare `{raw}` as {str(value).lower()}."
    if value is None and raw == "~":
        return 'YAML reads a bare `~` as nothing; the home folder is "~", in quotes.'
    return None
