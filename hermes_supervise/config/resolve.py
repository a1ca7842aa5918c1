"""Checked sections become the values of a plan: absolute paths, seconds, numbers of users."""

from __future__ import annotations

import os
from typing import TypeVar

from hermes_supervise.config import model, sections, users
from hermes_supervise.config.instances import Instance
from hermes_supervise.config.notes import Notes, Path
from hermes_supervise.config.surroundings import Surroundings, UnknownHome, absolute
from hermes_supervise.model import spec
from hermes_supervise.plan import places
from hermes_supervise.plan.digest import revision

_T = TypeVar("_T")


class Resolver:
    """Resolves the programs of one document; what cannot be resolved is noted."""

    def __init__(self, notes: Notes, where: Surroundings, state_dir: str) -> None:
        self._notes = notes
        self._where = where
        self._logs = os.path.join(state_dir, "logs")
        # Equal sections become one object: less to compare, to write and to keep.
        self._shared: dict[object, object] = {}

    def program(self, instance: Instance, section: model.Program) -> spec.Program:
        """Return the program; its values are only of use when no problem was noted."""
        path: Path = ("programs", instance.name)
        base = self._where.folder
        directory = self._path(section.directory, base, instance.home, (*path, "directory"))
        inside = _Inside(self, directory, instance.home, path)
        launch = self._launch(instance, section, inside)
        return spec.Program(
            name=instance.name,
            group=instance.group,
            revision=revision(launch),
            launch=launch,
            autostart=section.autostart,
            start=self._same(
                spec.Start(timeout=section.start.timeout, settle=section.start.settle)
            ),
            stop=self._stop(section.stop, inside),
            restart=self._same(_restart(section.restart)),
            owner=_owner(section.owner, inside),
        )

    def path(self, text: str, base: str, home: str, path: Path) -> str:
        """Return *text* as an absolute path; what is wrong with it is noted at *path*."""
        return self._path(text, base, home, path)

    def _path(self, text: str, base: str, home: str, path: Path) -> str:
        try:
            return absolute(text, base, home)
        except UnknownHome:
            self._notes.problem(path, "want ~/… or a path; ~name is not known")
            return base

    def _same(self, value: _T) -> _T:
        return self._shared.setdefault(value, value)  # type: ignore[return-value]

    def _launch(self, instance: Instance, section: model.Program, inside: _Inside) -> spec.Launch:
        user = self._user(section, inside.program)
        environment: dict[str, str] = {}
        if user is not None:
            environment = {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}
        environment |= instance.variables
        environment |= section.environment
        return spec.Launch(
            argv=self._argv(section.command, instance.home, inside.program),
            directory=inside.directory,
            environment=environment,
            inherit_environment=section.inherit_environment,
            user=user,
            umask=section.umask,
            backend=section.backend,
            logs=self._logs_of(instance.name, section.logs, inside),
            marker=_marker(section.stop.marker, inside),
        )

    def _argv(self, command: list[str], home: str, path: Path) -> tuple[str, ...]:
        first, *rest = command
        # Without a slash it is looked for in the PATH of the program, each time it is started.
        if "/" in first:
            first = self._path(first, self._where.folder, home, (*path, "command", 0))
        return (first, *rest)

    def _logs_of(self, name: str, logs: sections.Logs, inside: _Inside) -> spec.Logs:
        if logs.mode == "inherit":
            if logs.path is not None and logs.path:
                path = (*inside.program, "logs", "path")
                self._notes.warning(path, "has no effect with logs.mode: inherit")
            return spec.Logs(mode="inherit")
        main = os.path.join(self._logs, f"{name}.log")
        if logs.path is not None:
            main = inside.path(logs.path, "logs", "path")
        errors = None if logs.stderr == "same" else inside.path(logs.stderr, "logs", "stderr")
        return spec.Logs(mode="file", path=main, stderr=None if errors == main else errors)

    def _stop(self, stop: sections.Stop, inside: _Inside) -> spec.Stop:
        resolved = spec.Stop(
            signal=stop.signal,
            drain_timeout=stop.drain_timeout,
            drain_limit=stop.drain_limit,
            drained=_probe(stop.drained, inside),
            linger=stop.linger,
            force_tree=stop.force.tree,
            force_interval=stop.force.interval,
        )
        # A probe of JSON fields holds a mapping, which has no hash.
        return self._same(resolved) if resolved.drained is None else resolved

    def _user(self, section: model.Program, path: Path) -> spec.User | None:
        if section.user is None:
            for key in ("group", "groups"):
                if getattr(section, key) is not None:
                    self._notes.problem((*path, key), "got a group without a user", write="user: …")
            return None
        if self._where.uid != 0:
            message = f"only root can change the user, and uid {self._where.uid} is not root"
            note = "Take `user` out, or run the supervisor as root."
            self._notes.problem((*path, "user"), message, note=note)
            return None
        found = users.account(section.user)
        if found is None:
            self._notes.problem((*path, "user"), f'got "{section.user}", no such user here')
            return None
        gid = found.gid if section.group is None else self._group(section.group, (*path, "group"))
        groups = users.groups_of(found, gid)
        if section.groups is not None:
            named = [
                self._group(name, (*path, "groups", index))
                for index, name in enumerate(section.groups)
            ]
            groups = tuple(sorted({gid, *named}))
        return self._same(
            spec.User(name=found.name, uid=found.uid, gid=gid, groups=groups, home=found.home)
        )

    def _group(self, name: str, path: Path) -> int:
        found = users.group_id(name)
        if found is None:
            self._notes.problem(path, f'got "{name}", no such group here')
            return 0
        return found


class _Inside:
    """Resolves the paths of one program that are relative to its directory."""

    def __init__(self, resolver: Resolver, directory: str, home: str, program: Path) -> None:
        self._resolver = resolver
        self._home = home
        self.directory = directory
        self.program = program

    def path(self, text: str, *keys: str) -> str:
        return self._resolver.path(text, self.directory, self._home, (*self.program, *keys))


def _marker(marker: sections.Marker | None, inside: _Inside) -> spec.Marker | None:
    if marker is None:
        return None
    pid_file = None
    if marker.target is not None:
        pid_file = inside.path(marker.target, "stop", "marker", "target", "pid_file")
    path = inside.path(marker.path, "stop", "marker", "path")
    return spec.Marker(path=path, format=marker.format, pid_file=pid_file)


def _probe(probe: sections.Probe | None, inside: _Inside) -> spec.Probe | None:
    if probe is None:
        return None
    if probe.tcp is not None:
        return spec.TcpProbe(port=probe.tcp.port, host=probe.tcp.host, open=probe.tcp.open)
    if probe.unlocked is not None:
        path = inside.path(probe.unlocked.path, "stop", "drained", "unlocked", "path")
        return spec.UnlockedProbe(path=path)
    return spec.FileProbe(
        path=inside.path(probe.file.path, "stop", "drained", "file", "path"),
        exists=probe.file.exists,
        max_age=probe.file.max_age,
        json=probe.file.json_fields,
    )


def _restart(restart: sections.Restart) -> spec.Restart:
    backoff, give_up = restart.backoff, restart.give_up
    return spec.Restart(
        policy=restart.policy,
        success_exit_codes=tuple(restart.success_exit_codes),
        restart_exit_codes=tuple(restart.restart_exit_codes),
        fatal_exit_codes=tuple(restart.fatal_exit_codes),
        fatal_retry_after=restart.fatal_retry_after,
        backoff=spec.Backoff(
            first=backoff.first,
            factor=backoff.factor,
            limit=backoff.limit,
            jitter=backoff.jitter,
            reset_after=backoff.reset_after,
        ),
        give_up=None
        if give_up is None
        else spec.GiveUp(
            failures=give_up.failures, within=give_up.within, retry_after=give_up.retry_after
        ),
    )


def _owner(owner: sections.Owner | None, inside: _Inside) -> spec.Owner | None:
    if owner is None:
        return None
    if owner.pid_file is not None:
        return spec.Owner(kind="pid_file", path=inside.path(owner.pid_file, "owner", "pid_file"))
    return spec.Owner(kind="lock_file", path=inside.path(owner.lock_file, "owner", "lock_file"))


def settings(section: model.Supervisor, notes: Notes, where: Surroundings) -> spec.Settings:
    """Return the ``supervisor`` section, resolved; what cannot be resolved is noted."""
    layout = (where.config, where.environ, where.uid, where.layout)

    def path(key: str, text: str | None, default: str) -> str:
        if text is None:
            return default
        try:
            return absolute(text, where.folder, where.home)
        except UnknownHome:
            notes.problem(("supervisor", key), "want ~/… or a path; ~name is not known")
            return default

    socket = path("socket", section.socket, places.default_socket(*layout))
    _check_socket(section.socket, socket, notes)
    gid = None
    if section.socket_group is not None:
        gid = users.group_id(section.socket_group)
        if gid is None:
            message = f'got "{section.socket_group}", no such group here'
            notes.problem(("supervisor", "socket_group"), message)
    return spec.Settings(
        state_dir=path("state_dir", section.state_dir, places.state_folder(*layout)),
        socket=socket,
        address_file=places.address_file(*layout),
        socket_gid=gid,
        on_exit=section.on_exit,
        shutdown_timeout=section.shutdown_timeout,
        cgroups=section.cgroups,
    )


def _check_socket(given: str | None, socket: str, notes: Notes) -> None:
    at: Path = ("supervisor", "socket")
    if given is not None and given.startswith("tcp:"):
        message = f'got "{given}", not yet there on this platform, want a path'
        notes.problem(at, message, write="socket: control.sock")
    elif places.socket_too_long(socket):
        length = len(os.fsencode(socket))
        message = f"got a path of {length} bytes, want at most {places.SOCKET_LIMIT}: {socket}"
        notes.problem(
            at,
            message,
            note="The system cannot bind a longer one.",
            write="supervisor:\n  socket: /tmp/my-supervisor/control.sock",
        )
