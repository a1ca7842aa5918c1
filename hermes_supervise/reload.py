"""
Reading the configuration again: compiled in a short-lived process, compared, then applied.

A hostile or broken file can cost that process its life; the supervisor only sees that no plan
came, and keeps the one it has.
"""

from __future__ import annotations

import os
import signal
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace

from hermes_supervise import clock
from hermes_supervise.control.protocol import (
    BAD_CONFIGURATION,
    NOT_RECORDED,
    REFUSED,
    RpcError,
)
from hermes_supervise.entry import Entry
from hermes_supervise.logs.own import ERROR, WARNING
from hermes_supervise.loop import Loop, Timer
from hermes_supervise.model.decision import Event
from hermes_supervise.model.errors import HermesSuperviseError, StoreError
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.spec import Plan, Settings
from hermes_supervise.plan.codec import decode, encode
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record
from hermes_supervise.restore import program_text
from hermes_supervise.startup import open_doors

TYPE_CHECKING = False
if TYPE_CHECKING:  # the supervisor is put together from us
    from hermes_supervise.supervisor import Supervisor

COMPILE_TIMEOUT = 60.0
"""Seconds that a compile may take."""

LARGEST = 256 << 20
"""Bytes of a plan or of complaints that are read."""

SAVE_AFTER = 3.0
"""Seconds after a start or reload when descriptions are saved, out of the way of starting."""

MOVE = "shut down, move the folder, start again"

NOT_LIVE = ("socket", "address_file", "cgroups")
"""Settings that hold until the supervisor is started anew."""

Compiled = tuple[str, Plan] | RpcError
Done = Callable[[dict[str, object] | RpcError], None]


class Compile:
    """One compile under way; calls *done* once with the plan or with what is wrong."""

    def __init__(
        self,
        loop: Loop,
        config: str,
        sys_path: list[str],
        done: Callable[[Compiled], None],
    ) -> None:
        self.loop = loop
        self.done = done
        self.plan = bytearray()
        self.complaints = bytearray()
        plan_reader, plan_writer = os.pipe()
        err_reader, err_writer = os.pipe()
        boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot.py")
        argv = [sys.executable, "-I", "-S", boot, "compile", config, *sys_path]
        actions = [
            (os.POSIX_SPAWN_DUP2, plan_writer, 1),
            (os.POSIX_SPAWN_DUP2, err_writer, 2),
        ]
        try:
            self.pid = os.posix_spawn(
                sys.executable, argv, os.environ, file_actions=actions, setsid=True
            )
        finally:
            os.close(plan_writer)
            os.close(err_writer)
        self.readers = {plan_reader: self.plan, err_reader: self.complaints}
        for fd in self.readers:
            loop.watch(fd, self._reader(fd))
        self.timer: Timer = loop.at(clock.now().at + COMPILE_TIMEOUT, self._too_long)

    def _reader(self, fd: int) -> Callable[[int], None]:
        return lambda _events: self._read(fd)

    def _read(self, fd: int) -> None:
        data = os.read(fd, 1 << 16)
        buffer = self.readers[fd]
        if data and len(buffer) < LARGEST:
            buffer += data
            return
        self.loop.forget(fd)
        os.close(fd)
        del self.readers[fd]
        if not self.readers:
            self._finish()

    def _too_long(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # our own child, not waited for yet
        self.complaints += b"compiling the configuration took too long; it was given up\n"

    def _finish(self) -> None:
        self.timer.cancel()
        _pid, status = os.waitpid(self.pid, 0)  # both its streams are closed: it is ending
        code = os.waitstatus_to_exitcode(status)
        text = self.plan.decode(errors="replace")
        problems = self.complaints.decode(errors="replace")
        if code != 0 or not text:
            words = problems or f"the compiler ended with {code} and said nothing\n"
            problem = "the configuration has problems; nothing was changed"
            self.done(RpcError(BAD_CONFIGURATION, problem, {"problems": words}))
            return
        try:
            self.done((text, decode(text)))
        except HermesSuperviseError as error:
            self.done(RpcError(BAD_CONFIGURATION, str(error), {"problems": f"{error}\n"}))


class Reloader:
    """Reads the configuration again for a supervisor; one compile at a time."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.s = supervisor
        self.compiling: Compile | None = None

    def reload(self, *, plan_only: bool, allow_empty: bool, by: str, done: Done) -> None:
        """
        Compile the file again and, unless *plan_only*, make it the plan.

        Raises:
            RpcError: a reload is under way, or the compiler cannot be started.
        """
        if self.compiling is not None:
            raise RpcError(REFUSED, "a reload is under way; try again when it is done")
        if self.s.shutdown.how:
            raise RpcError(REFUSED, "the supervisor is shutting down")

        def compiled(result: Compiled) -> None:
            self.compiling = None
            if isinstance(result, RpcError):
                done(result)
            else:
                done(self._compare(result, plan_only=plan_only, allow_empty=allow_empty, by=by))

        paths = self.s.hello.options.get("sys_path")
        sys_path = [str(path) for path in paths] if isinstance(paths, list) else []
        try:
            self.compiling = Compile(self.s.loop, self.s.plan.config, sys_path, compiled)
        except OSError as problem:
            raise RpcError(REFUSED, f"cannot start the compiler: {problem.strerror}") from None

    def reload_by_signal(self) -> None:
        """Do the same for a SIGHUP; what is wrong goes to the log."""

        def done(result: dict[str, object] | RpcError) -> None:
            if not isinstance(result, RpcError):
                return
            now = clock.now().wall
            self.s.log.line(ERROR, now, None, f"reload: {result.message}")
            problems = result.data.get("problems", "") if isinstance(result.data, dict) else ""
            for line in str(problems).splitlines():
                self.s.log.line(ERROR, now, None, line)

        try:
            self.reload(plan_only=False, allow_empty=False, by="signal", done=done)
        except RpcError as problem:
            done(problem)

    def _compare(
        self, compiled: tuple[str, Plan], *, plan_only: bool, allow_empty: bool, by: str
    ) -> dict[str, object] | RpcError:
        from hermes_supervise.plan.difference import differences  # noqa: PLC0415  # now and then

        text, plan = compiled
        rows: list[dict[str, object]] = [
            {
                "name": change.name,
                "action": change.action.value,
                "fields": [{"key": f.key, "old": f.old, "new": f.new} for f in change.fields],
            }
            for change in differences(self.s.plan, plan)
        ]
        notes = _settings_notes(self.s.plan.settings, plan.settings)
        if plan.settings.state_dir != self.s.plan.settings.state_dir:
            words = f"supervisor.state_dir: cannot change while programs run: {MOVE}"
            if not plan_only:
                return RpcError(REFUSED, f"{words}; nothing was changed")
            notes.append(words)
        vanished = _vanished_groups(self.s.plan, plan)
        if vanished and not allow_empty:
            words = f"{', '.join(vanished)}: for_each finds nothing any more"
            hint = "reload --allow-empty drains what is left of it"
            if not plan_only:
                return RpcError(REFUSED, f"{words}; {hint}; nothing was changed")
            notes.append(f"{words}; {hint}")
        if plan_only:
            return {"applied": False, "changes": rows, "notes": notes}
        changed = {str(row["name"]): row["action"] for row in rows if row["action"] != "none"}
        event = Event(kind="reloaded", data={"changes": changed})
        told = Told(at=clock.now().wall, program=None, event=event, by=by)
        try:
            self.s.ledger.commit(Record(events=[told]), must=True)
        except StoreError as problem:
            return RpcError(NOT_RECORDED, f"not recorded, so nothing was changed: {problem}")
        for note in notes:
            self.s.log.line(WARNING, clock.now().wall, None, note)
        self._take(text, plan)
        return {"applied": True, "changes": rows, "notes": notes}

    def _take(self, text: str, plan: Plan) -> None:
        """Make the plan the one that holds; where state and socket are cannot change now."""
        kept = {key: getattr(self.s.plan.settings, key) for key in NOT_LIVE}
        fixed = replace(plan.settings, **kept)
        if fixed != plan.settings:  # the next supervisor of this keeper has to agree with us
            plan = replace(plan, settings=fixed)
            text = encode(plan)
        self.s.plan = plan
        self.s.hold("plan", zlib.compress(text.encode()))
        open_doors(plan)
        known = {program.name: program for program in plan.programs}
        entries = self.s.reconciler.entries
        for name, entry in entries.items():
            entry.in_file = name in known
            entry.program = known.get(name, entry.program)
            if entry.asker is not None:  # its question may be another one now
                entry.asker.close()
                entry.asker = None
        intents = self.s.store.intents()
        self.s.reconciler.rethink(list(entries))
        for name, program in known.items():
            if name not in entries:
                intent = intents.get(name, Intent())
                self.s.reconciler.add(Entry(program, intent, Memory(), in_file=True))
        self.save_soon()

    def save_soon(self) -> None:
        """Save before long how each program is stopped, for when it is no longer in the file."""
        self.s.loop.at(clock.now().at + SAVE_AFTER, self._save)

    def _save(self) -> None:
        if self.s.exit_code is not None:
            return
        entries = self.s.reconciler.entries
        specs = {name: program_text(entry.program) for name, entry in entries.items()}
        self.s.ledger.commit(Record(specs=specs))


def _settings_notes(old: Settings, new: Settings) -> list[str]:
    """Say what of the ``supervisor`` section has another value."""
    from hermes_supervise.plan.difference import settings_differences  # noqa: PLC0415

    return [
        f"{change.key}: {change.old} -> {change.new}"
        + (", from the next start on" if change.key.rpartition(".")[2] in NOT_LIVE else "")
        for change in settings_differences(old, new)
    ]


def _vanished_groups(old: Plan, new: Plan) -> list[str]:
    """Return the groups of ``for_each`` that are still in the file and have no instance left."""
    before = {program.group for program in old.programs if program.group != program.name}
    return sorted(before & set(new.empty_groups))
