"""
The composition root: puts the rooms together and leads a supervisor through its life.

It is started by the keeper, takes orders from it, and may die at any instant: what it knows is on
disk, what it holds lies in the keeper too.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
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
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.phase import LIVING
from hermes_supervise.model.spec import Plan
from hermes_supervise.reconciler import Reconciler
from hermes_supervise.record.board import signal_name
from hermes_supervise.record.kept import kept, unkept
from hermes_supervise.record.ledger import Ledger
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record, Store
from hermes_supervise.reload import Reloader
from hermes_supervise.restore import claimed, restored, stoppers_of
from hermes_supervise.shutdown import SLOT, Shutdown
from hermes_supervise.startup import (
    CannotStart,
    Hello,
    hear_hello,
    open_store,
    take_listener,
    take_lock,
    take_plan,
)

UNSAVED = "unsaved"
"""The name under which the keeper keeps what the disk does not take."""


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
        self.exit_code: int | None = None
        self.reloader = Reloader(self)
        self.shutdown = Shutdown(self)
        self.ledger = Ledger(store, self.loop, told=self._told, keep=self._keep)
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
        stoppers, self.stoppers_text = stoppers_of(store, host.world(), hello.keeper_pid)
        self.reconciler = Reconciler(
            loop=self.loop,
            backend=self.backend,
            ledger=self.ledger,
            executor=Executor(self.backend, hello.keeper_pid, stoppers),
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
        self._say_hello()
        self._restore()
        server = Server(self.loop, listener, self.methods.answer, self.methods.trusts, self._fault)
        self.loop.watch(self.wire.sock.fileno(), self._keeper_speaks)
        self.loop.after_each_round(self._round)
        self.wire.put(("up",))
        if SLOT in self.hello.slots:
            self.shutdown.resume(self.hello.slots[SLOT][0])
        for order in self.hello.orders:
            self._order(order)
        for message in self.hello.later:
            self._heard(message)
        self.reloader.save_soon()
        self.loop.at(0.0, lambda: None)
        gc.freeze()  # what is here now stays: no collection has to look at it again
        self.loop.run()
        server.close()
        return 1 if self.exit_code is None else self.exit_code

    def _restore(self) -> None:
        for message in self.hello.held:
            self.backend.hear(message)
        now = clock.now()
        world = host.world()
        if UNSAVED in self.hello.slots:
            self.ledger.begin_with(unkept(self.hello.slots[UNSAVED][0]))
        state = restored(self.ledger, self.plan, world, now)
        for entry in claimed(state.entries):
            memory = entry.memory
            entry.adopting = memory.run_id not in self.backend.runs
            self.backend.claim(memory.run_id, memory.process, name=entry.program.name)
        self._find_forgotten(state.entries)
        self.backend.settle({entry.memory.run_id for entry in claimed(state.entries)})
        for entry in state.entries:
            self.reconciler.add(entry)
        told = [Told(at=now.wall, program=None, event=e) for e in state.events]
        told.append(Told(at=now.wall, program=None, event=self._begun()))
        record = Record(events=told, meta={"world": world}, intents=state.intents)
        record.meta["stoppers"] = self.stoppers_text
        record.memories, record.dropped = state.changed, state.dropped
        record.pending = state.pending
        self.ledger.commit(record)
        self.wire.flush()

    def _find_forgotten(self, entries: list[Entry]) -> None:
        """
        Look for programs that live although nothing is remembered of them.

        The state folder may have been lost or put back from an old copy; a second instance would
        be worse than a restart.
        """
        unknown = {e.program.name: e for e in entries if not e.memory.run_id}
        found = self.backend.forgotten() if unknown else {}
        for name in unknown.keys() & found.keys():
            entry = unknown[name]
            entry.memory = replace(entry.memory, run_id=found[name])
            entry.adopting = True
            self.backend.claim(found[name], None, name=name)

    def _begun(self) -> Event:
        if not self.hello.again:
            return Event(kind="supervisor-started", data={"version": __version__})
        return Event(kind="supervisor-restarted", data={"ended": self.hello.ended})

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
        self.shutdown.step()
        try:
            done = self.wire.flush()
        except OSError:
            self._keeper_gone()
            return
        self.loop.change(self.wire.sock.fileno(), READ if done else READ | WRITE)
        if self.loop.running:
            self.ledger.tell()
            self.store.tidy()

    # -- the keeper -----------------------------------------------------------------------------

    def hold(self, name: str, data: bytes, *fds: int) -> None:
        """Leave something with the keeper that has to outlive us."""
        self.wire.put(("hold", name, data), fds)

    def _keep(self, record: Record | None) -> None:
        """What the disk does not take lies with the keeper, in case that we die."""
        if record is None:
            self.wire.put(("drop", UNSAVED))
        else:
            self.hold(UNSAVED, kept(record))

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
                self.shutdown.begin(how, by="signal")
            case "leave":
                self.shutdown.begin("leave", by="signal")
            case "force":
                self.shutdown.force(by="terminal")
            case "reload":
                self.reloader.reload_by_signal()
            case _:
                pass  # an order of a newer keeper

    # -- events ---------------------------------------------------------------------------------

    def _told(self, events: list[Told]) -> None:
        for told in events:
            text = sentence(told.event, told.by)
            facts: dict[str, object] = {"kind": told.event.kind, "data": told.event.data}
            self.log.line(level_of(told.event), told.at, told.program, text, facts)
        self.methods.told()

    def _fault(self, text: str) -> None:
        self.log.line(ERROR, clock.now().wall, None, text)

    def _changed(self, names: set[str]) -> None:
        self.methods.changed(names)

    # -- answers --------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Return the keeper's pid and ours."""
        return [self.hello.keeper_pid, os.getpid()]

    def about(self) -> dict[str, object]:
        """Return the supervisor's own part of ``status``."""
        state = "running"
        if self.shutdown.how:
            state = "shutting-down"
        elif self.ledger.fault:
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
        self.ledger.commit(record)
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
        self.ledger.commit(Record(events=events))
        return sent, failed


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
    store: Store | None = None
    try:
        gc.collect()  # what importing left behind; the plan is still being compiled
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
    except StoreError as problem:
        code = _give_up(wire, CannotStart(f"cannot use the state: {problem}", 1))
    except CannotStart as problem:
        code = _give_up(wire, problem)
    _flush_last(wire)
    if store is not None:
        store.close()  # after the keeper has heard: tidying the file up may wait for the disk
    return code


def _give_up(wire: Wire, problem: CannotStart) -> int:
    text = f"hermes-supervise: {problem.sentence}\n".encode(errors="replace")
    if select.select([], [2], [], 1.0)[1]:  # nobody may be reading
        os.write(2, text)
    wire.put(("exit", problem.code))
    return problem.code


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
