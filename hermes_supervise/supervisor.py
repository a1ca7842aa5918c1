"""
The composition root: puts the rooms together and leads a supervisor through its life.

It is started by the keeper, takes orders from it, and may die at any instant: what it knows is on
disk, what it holds lies in the keeper too.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import zlib
from dataclasses import replace

from hermes_supervise import __version__, clock
from hermes_supervise.act.execute import Executor
from hermes_supervise.backends import cgroups, host, kin
from hermes_supervise.backends.posix import Posix
from hermes_supervise.control.methods import Methods
from hermes_supervise.control.server import Server
from hermes_supervise.entry import Entry
from hermes_supervise.keeper.wire import Message, Wire
from hermes_supervise.logs.own import ERROR, INFO, OwnLog, journald_fits
from hermes_supervise.logs.sentences import level_of, sentence
from hermes_supervise.loop import READ, WRITE, Loop
from hermes_supervise.model.decision import Event
from hermes_supervise.model.phase import LIVING
from hermes_supervise.model.spec import Plan
from hermes_supervise.plan.desired import Surroundings
from hermes_supervise.reconciler import Reconciler
from hermes_supervise.record.board import signal_name
from hermes_supervise.record.store import Record, Store, Told
from hermes_supervise.reload import Reloader
from hermes_supervise.restore import claims, restored, stoppers_of
from hermes_supervise.startup import (
    CannotStart,
    Hello,
    hear_hello,
    open_store,
    take_listener,
    take_lock,
    take_plan,
)


class Supervisor:
    """Everything together."""

    def __init__(
        self, *, wire: Wire, hello: Hello, plan_text: str, plan: Plan, store: Store, log: OwnLog
    ) -> None:
        self.loop = Loop()
        self.wire = wire
        self.hello = hello
        self.plan = plan
        self.store = store
        self.log = log
        self.started = clock.now()
        self.leaving = ""
        self.exit_code: int | None = None
        self.reloader = Reloader(self)
        self.listener: socket.socket | None = None
        self.cgroup_root = None
        if plan.settings.cgroups == "auto":
            self.cgroup_root = cgroups.find_root(plan.settings.state_dir)
        self.backend = Posix(
            wire=wire,
            keeper_pid=hello.keeper_pid,
            environ=os.environ,
            socket=plan.settings.socket,
            cgroup_root=self.cgroup_root,
            woken=self._woken,
            later=lambda seconds, call: self.loop.at(clock.now().at + seconds, call),
        )
        stoppers = stoppers_of(store, host.world(), hello.keeper_pid)
        self.reconciler = Reconciler(
            loop=self.loop,
            backend=self.backend,
            store=store,
            executor=Executor(self.backend, hello.keeper_pid, stoppers),
            told=self._told,
            changed=self._changed,
        )
        self.methods = Methods(self)
        self.hold("plan", zlib.compress(plan_text.encode()))

    # -- life -----------------------------------------------------------------------------------

    def run(self, listener: socket.socket, lock_fd: int) -> int:
        """Supervise until told to end; return the exit code for the keeper."""
        self.listener = listener
        self.hold("lock", b"", lock_fd)
        self.hold("control", b"", listener.fileno())
        self._restore()
        server = Server(self.loop, listener, self.methods.answer)
        self.loop.watch(self.wire.sock.fileno(), self._keeper_speaks)
        self.loop.after_each_round(self._round)
        self.wire.put(("up",))
        self._say_hello()
        for order in self.hello.orders:
            self._order(order)
        for message in self.hello.later:
            self._heard(message)
        self.reloader.save_soon()
        self.loop.at(0.0, lambda: None)
        self.loop.run()
        server.close()
        return 1 if self.exit_code is None else self.exit_code

    def _restore(self) -> None:
        for message in self.hello.held:
            self.backend.hear(message)
        now = clock.now()
        world = host.world()
        state = restored(self.store, self.plan, world, now)
        for name, run_id, process in claims(state.entries):
            self.backend.claim(run_id, process, name=name)
        for entry in state.entries:
            self.reconciler.add(entry)
        kind = "supervisor-restarted" if self.hello.again else "supervisor-started"
        told = [Told(at=now.wall, program=None, event=e) for e in state.events]
        told.append(Told(at=now.wall, program=None, event=Event(kind=kind)))
        record = Record(events=told, meta={"world": world}, intents=state.intents)
        record.memories, record.dropped = state.changed, state.dropped
        record.pending = state.pending
        self.reconciler.commit(record)
        self.wire.flush()

    def _say_hello(self) -> None:
        settings = self.plan.settings
        count = len(self.plan.programs)
        text = (
            f"hermes-supervise {__version__} supervises {count} program{'s' * (count != 1)}; "
            f"socket {settings.socket}, state {settings.state_dir}; "
            f"ask with: hermes-supervise ctl -c {self.plan.config} status"
        )
        self.log.line(INFO, clock.now().wall, None, text)

    def _round(self) -> None:
        self.reconciler.turn()
        if self.leaving:
            self._leave_if_done()
        try:
            done = self.wire.flush()
        except OSError:
            self._keeper_gone()
            return
        self.loop.change(self.wire.sock.fileno(), READ if done else READ | WRITE)

    # -- the keeper -----------------------------------------------------------------------------

    def hold(self, name: str, data: bytes, *fds: int) -> None:
        """Leave something with the keeper that has to outlive us."""
        self.wire.put(("hold", name, data), fds)

    def _woken(self, run_id: str) -> None:
        self.reconciler.wake_run(run_id)

    def _keeper_speaks(self, events: int) -> None:
        if not events & READ:
            return
        try:
            messages = self.wire.receive()
        except (EOFError, OSError):
            self._keeper_gone()
            return
        for message, _fds in messages:
            self._heard(message)

    def _heard(self, message: Message) -> None:
        if message[0] == "order":
            self._order(str(message[1]))
        else:
            self.backend.hear(message)

    def _keeper_gone(self) -> None:
        """Whoever starts the next keeper finds everything on disk and every program alive."""
        text = "the keeper is gone; leaving the programs to the next start"
        self.log.line(ERROR, clock.now().wall, None, text)
        self.exit_code = 1
        self.loop.stop()

    def _order(self, what: str) -> None:
        self.wire.put(("heard",))
        match what:
            case "shutdown":
                how = "drain" if self.plan.settings.on_exit == "drain" else "leave"
                self.shut_down(how, by="signal")
            case "leave":
                self.shut_down("leave", by="signal")
            case "force":
                self.force_all()
            case "reload":
                self.reloader.reload_by_signal()
            case _:
                pass  # an order of a newer keeper

    # -- events ---------------------------------------------------------------------------------

    def _told(self, events: list[Told]) -> None:
        for told in events:
            text = sentence(told.event)
            if told.by is not None:
                text = f"{text} (by {told.by})"
            facts: dict[str, object] = {"kind": told.event.kind, "data": told.event.data}
            self.log.line(level_of(told.event), told.at, told.program, text, facts)
        if events:
            self.methods.told()

    def _changed(self, names: set[str]) -> None:
        self.methods.changed(names)

    # -- answers --------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Return the keeper's pid and ours."""
        return [self.hello.keeper_pid, os.getpid()]

    def about(self) -> dict[str, object]:
        """Return the supervisor's own part of ``status``."""
        state = "running"
        if self.leaving:
            state = "shutting-down"
        elif self.reconciler.fault:
            state = "degraded"
        return {
            "pid": os.getpid(),
            "keeper_pid": self.hello.keeper_pid,
            "version": __version__,
            "config": self.plan.config,
            "state": state,
            "started_at": clock.rfc3339(self.started.wall),
            "uptime_s": round(clock.now().at - self.started.at, 3),
        }

    def program_of(self, pid: int) -> str | None:
        """Return the program that a process of this machine belongs to."""
        run_id = kin.environ_run_id(pid)
        if run_id is not None and self.backend.belongs(run_id, pid):
            return self.reconciler.by_run.get(run_id)
        return None

    def send_signal(
        self, entries: list[Entry], number: signal.Signals, by: str
    ) -> tuple[list[str], dict[str, str]]:
        """Send a signal to the main processes; the stop signal gets a fresh marker first."""
        sent: list[str] = []
        failed: dict[str, str] = {}
        record = Record()
        living = [e for e in entries if e.memory.phase in LIVING and e.memory.process is not None]
        for entry in living:
            if number == entry.program.stop.signal and entry.marker is not None:
                # A marker goes before it, and has to be known as ours when the run is over.
                entry.memory = replace(entry.memory, marker_at=clock.now().at)
                record.memories[entry.program.name] = entry.memory
        self.reconciler.commit(record)
        events: list[Told] = []
        for entry in entries:
            name, memory = entry.program.name, entry.memory
            if entry not in living:
                failed[name] = f"not running ({memory.phase.value})"
                continue
            ok = self.reconciler.executor.signal_marked(entry, number)
            if ok:
                sent.append(name)
            else:
                failed[name] = "its process is gone"
            data: dict[str, object] = {"signal": signal_name(number), "sent": ok}
            event = Event(kind="signal", data=data)
            events.append(Told(at=clock.now().wall, program=name, event=event, by=by))
        self.reconciler.commit(Record(events=events))
        return sent, failed

    # -- shutting down --------------------------------------------------------------------------

    def shut_down(self, how: str, *, by: str) -> None:
        """Begin to end: ``drain`` stops every program first, ``leave`` lets them run."""
        if self.leaving:
            return
        now = clock.now()
        self.leaving = how
        self.reconciler.forced = False
        event = Event(kind="shutting-down", data={"programs": how})
        self.reconciler.commit(Record(events=[Told(at=now.wall, program=None, event=event, by=by)]))
        if how == "drain":
            timeout = self.plan.settings.shutdown_timeout
            drain_by = None if timeout is None else now.at + timeout
            self.reconciler.surround(Surroundings(leaving=True, drain_by=drain_by))
        self.loop.at(now.at, lambda: None)

    def force_all(self) -> None:
        """The operator pressed Ctrl-C twice: do not wait for drains any longer."""
        self.shut_down("drain", by="terminal")
        names = []
        for name, entry in self.reconciler.entries.items():
            if entry.memory.phase in LIVING:
                entry.intent = replace(entry.intent, force_run=entry.memory.run_id)
                names.append(name)
        self.reconciler.rethink(names)

    def _leave_if_done(self) -> None:
        entries = self.reconciler.entries.values()
        living = [e for e in entries if e.memory.phase in LIVING]
        if self.leaving == "drain" and (living or self.reconciler.woken):
            return
        self.exit_code = 1 if self.reconciler.forced or living else 0
        event = Event(kind="supervisor-ended", data={"left": len(living)})
        told = Told(at=clock.now().wall, program=None, event=event)
        self.reconciler.commit(Record(events=[told]))
        if self.reconciler.unsaved is not None:
            text = f"the last events could not be written: {self.reconciler.fault}"
            self.log.line(ERROR, clock.now().wall, None, text)
        self.store.close()
        if not living:
            self._unlink_places()
        self.wire.put(("exit", self.exit_code))
        self.loop.stop()

    def _unlink_places(self) -> None:
        settings = self.plan.settings
        for path in (settings.socket, settings.address_file):
            try:
                os.unlink(path)
            except OSError:
                continue
        if self.cgroup_root is not None:
            cgroups.remove_if_empty(self.cgroup_root)


def main(arguments: list[str]) -> int:
    """
    Run a supervisor for a keeper.

    Args:
        arguments: The descriptor of our end of the wire, and at the first start that of the plan.
    """
    sock = socket.socket(fileno=int(arguments[0]))
    sock.set_inheritable(False)
    wire = Wire(sock)
    plan_fd = int(arguments[1]) if len(arguments) > 1 else None
    try:
        hello = hear_hello(wire)
        taken = take_plan(hello, plan_fd)
        if taken is None:
            return 0
        text, plan = taken
        lock_fd = take_lock(hello, plan.settings.state_dir, hello.keeper_pid)
        store = open_store(plan.settings.state_dir)
        listener = take_listener(hello, plan)
        log = _own_log(hello.options)
        supervisor = Supervisor(
            wire=wire, hello=hello, plan_text=text, plan=plan, store=store, log=log
        )
        code = supervisor.run(listener, lock_fd)
    except CannotStart as problem:
        sys.stderr.write(f"hermes-supervise: {problem.sentence}\n")
        sys.stderr.flush()
        code = problem.code
        wire.put(("exit", code))
    _flush_last(wire)
    return code


def _own_log(options: dict[str, object]) -> OwnLog:
    journald = journald_fits(2, os.environ.get("JOURNAL_STREAM"))
    return OwnLog(
        2,
        style=str(options.get("log_format", "text")),
        verbosity=int(str(options.get("verbosity", 0))),
        journald=journald,
    )


def _flush_last(wire: Wire) -> None:
    try:
        wire.sock.setblocking(True)
        wire.flush()
    except OSError:
        return
