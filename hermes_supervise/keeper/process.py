"""
The keeper's loop: signals, the supervisor's requests, the ends of children.

It sleeps in one ``poll`` and wakes for nothing else; it has a timer only while it waits for a
supervisor to answer or to be started again.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import socket
import sys
import time

from hermes_supervise.keeper import making, surroundings
from hermes_supervise.keeper.children import Children
from hermes_supervise.keeper.saying import say
from hermes_supervise.keeper.wire import MOST_FDS, Message, Wire

ANSWER_TIMEOUT = 10.0
"""Seconds a supervisor has to hear an order to shut down."""

YOUNG = 5.0
"""A supervisor that dies before this many seconds is started again with a growing delay."""
FIRST_DELAY, MOST_DELAY = 0.1, 5.0
TRIES = 3
"""Starts of a supervisor that never came up before the keeper gives up."""

LEAVE_TIME = 5.0
"""Seconds that we wait at the end for the supervisor to be gone too."""

FORCE_AFTER = 1.0
"""Seconds between two Ctrl-C for the second to mean force."""

FEW = 4
"""Requests of one lot that are each taken for a start of a single program."""

ANSWERS_AT_ONCE = 32
"""Requests of one lot that are answered together: to wake the supervisor for each is slower."""

ADOPTED_INTERVAL = 1.0
"""Seconds between looks at adopted processes where the kernel cannot tell of their end."""


class Keeper:
    """Holds the children, the supervisor and what has to outlive the supervisor."""

    def __init__(self, options: dict[str, object], nofile: tuple[int, int]) -> None:
        self.options = options
        self.poll = select.poll()
        self.wire: Wire | None = None
        self.children = Children(making.Maker(nofile), self.poll, self._send)
        self.slots: dict[str, tuple[bytes, tuple[int, ...]]] = {}
        self.orders: list[str] = []
        self.supervisor = 0
        self.ended = ""
        self.started_at = 0.0
        self.start_at: float | None = 0.0
        self.young_deaths = 0
        self.ever_up = False
        self.unheard_at: float | None = None
        self.interrupted_at: float | None = None
        self.adopted_at: float | None = None
        self.exit_code: int | None = None
        self.compiler = int(str(options.get("compiler", 0)))
        self.plan_fd: int | None = int(str(options["plan_fd"]))
        self.terminal = surroundings.controlling_terminal()
        # `nohup`: the end of the terminal shall not be ours.
        self.hang_up_ends = self.terminal and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        self.noted: dict[int, None] = {}
        self.signals, wakeup = socket.socketpair()
        self.signals.setblocking(False)
        wakeup.setblocking(False)
        self._wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        for number in making.HANDLED:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # whatever our starter had blocked
        self.poll.register(self.signals, select.POLLIN)

    # -- loop -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Keep until told to end; return the exit code."""
        self._reap()  # the compiler may have ended before we had a handler
        while self.exit_code is None:
            now = time.monotonic()
            if self.start_at is not None and now >= self.start_at:
                self._start_supervisor(now)
            self._timers(now)
            self._flush()
            if self.exit_code is not None:
                break
            for fd, events in self.poll.poll(self._timeout(now)):
                self._ready(fd, events)
        self._flush()
        self._see_supervisor_off()
        return self.exit_code

    def _see_supervisor_off(self) -> None:
        """Whoever waits for our end may count on the lock and the socket being free."""
        until = time.monotonic() + LEAVE_TIME
        while self.supervisor and (left := until - time.monotonic()) > 0:
            for fd, events in self.poll.poll(left * 1000.0):
                self._ready(fd, events)

    def _timeout(self, now: float) -> float | None:
        instants = [self.start_at, self.unheard_at, self.adopted_at]
        nearest = min((at for at in instants if at is not None), default=None)
        return None if nearest is None else max(0.0, (nearest - now) * 1000.0) + 1.0

    def _timers(self, now: float) -> None:
        if self.adopted_at is not None and now >= self.adopted_at:
            again = self.children.check_adopted()
            self.adopted_at = now + ADOPTED_INTERVAL if again else None
        if self.unheard_at is not None and now >= self.unheard_at:
            self._unheard()

    def _ready(self, fd: int, events: int) -> None:
        if fd == self.signals.fileno():
            self._signals()
        elif self.wire is not None and fd == self.wire.sock.fileno():
            self._supervisor_speaks(events)
        elif fd in self.children.forming:
            self.children.formed(fd)
        elif fd in self.children.watched:
            self.children.adopted_ended(fd)

    # -- signals --------------------------------------------------------------------------------

    def _signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.signals.recv(4096)
        noted, self.noted = self.noted, {}
        for number in noted:
            if number == signal.SIGCHLD:
                self._reap()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._interrupted(number)
            elif number == signal.SIGHUP:
                self._order("shutdown" if self.hang_up_ends else "reload")
            elif number == signal.SIGQUIT:
                self._order("leave")

    def _note(self, number: int, _frame: object) -> None:
        # The wake-up descriptor only wakes: a thousand deaths may fill it before a SIGTERM comes.
        self.noted[number] = None

    def _interrupted(self, number: int) -> None:
        now = time.monotonic()
        first = self.interrupted_at
        if number == signal.SIGINT:
            self.interrupted_at = now if first is None else first
        if number == signal.SIGINT and first is not None:
            if self.terminal and now - first >= FORCE_AFTER:
                self._order("force")
            return
        self._order("shutdown")

    def _order(self, what: str) -> None:
        if what in ("shutdown", "leave") and self.unheard_at is None:
            self.unheard_at = time.monotonic() + ANSWER_TIMEOUT
        if what not in self.orders:
            self.orders.append(what)
        if self.wire is not None:
            self._send(("order", what))

    def _unheard(self) -> None:
        """Nobody decides any more: as PID 1 ask everybody to end, else leave them in peace."""
        self.unheard_at = None
        self._say(f"no supervisor has answered for {ANSWER_TIMEOUT:g} s")
        if self.supervisor:  # not reaped yet, so the number is still its own; it holds the lock
            os.kill(self.supervisor, signal.SIGKILL)
        if os.getpid() == 1:
            os.kill(-1, signal.SIGTERM)
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.wait()
        self.exit_code = 1

    # -- ends of children -----------------------------------------------------------------------

    def _reap(self) -> None:
        ended, more = self.children.reap()
        if more:
            with contextlib.suppress(BlockingIOError):
                self._wakeup.send(bytes([signal.SIGCHLD]))
        supervisor_status = ended.pop(self.supervisor, None) if self.supervisor else None
        if supervisor_status is not None:
            self.supervisor = 0
        if self.compiler in ended:
            self._compiled(os.waitstatus_to_exitcode(ended.pop(self.compiler)))
        if supervisor_status is not None:
            self._supervisor_died(supervisor_status)
        if ended:
            self._send(("strays", len(ended)))

    def _compiled(self, code: int) -> None:
        """The plan is made, or the configuration is bad: then nothing has been touched yet."""
        self.compiler = 0
        if code != 0 and self.exit_code is None:
            if self.supervisor:  # not reaped yet, so the number is still its own
                os.kill(self.supervisor, signal.SIGKILL)
            self.exit_code = code if code > 0 else 1

    # -- the supervisor -------------------------------------------------------------------------

    def _start_supervisor(self, now: float) -> None:
        self.started_at, self.start_at = now, None
        ours, theirs = socket.socketpair()
        passed = [theirs.fileno()] + ([] if self.plan_fd is None else [self.plan_fd])
        for fd in passed:
            os.set_inheritable(fd, True)
        boot = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/boot.py"
        argv = [sys.executable, "-I", "-S", boot, "supervisor", *map(str, passed)]
        try:
            self.supervisor = os.posix_spawn(
                sys.executable,
                argv,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, self.children.maker.null, 0)],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT],
            )
        except OSError as problem:
            ours.close()
            theirs.close()
            self._say(f"cannot start the supervisor: {problem.strerror}")
            self._supervisor_died(0)
            return
        if self.plan_fd is not None:
            os.close(self.plan_fd)
            self.plan_fd = None
        theirs.close()
        self.wire = Wire(ours)
        self.poll.register(ours, select.POLLIN)
        self._hello()

    def _hello(self) -> None:
        held = self.children.held()
        fds: list[int] = []
        slots = []
        for name, (data, slot_fds) in self.slots.items():
            slots.append((name, data, len(slot_fds)))
            fds += slot_fds
        document = {
            "pid": os.getpid(),
            "options": self.options,
            "slots": slots,
            "orders": list(self.orders),
            "again": self.ever_up,
            "ended": self.ended,
        }
        self._send(("hello", document), tuple(fds[:MOST_FDS]))
        for start in range(0, len(held), 500):
            self._send(("held", held[start : start + 500]))
        self._send(("ready",))

    def _supervisor_died(self, status: int) -> None:
        self._drain_wire()
        self._hang_up()
        if self.exit_code is not None:
            return
        now = time.monotonic()
        young = now - self.started_at < YOUNG
        self.young_deaths = self.young_deaths + 1 if young else 0
        if not self.ever_up and self.young_deaths >= TRIES:
            self._say("the supervisor cannot be started")
            self.exit_code = 1
            return
        delay = 0.0
        if self.young_deaths > 1:
            delay = min(FIRST_DELAY * 2.0 ** (self.young_deaths - 2), MOST_DELAY)
        self.ended = surroundings.ended(status)
        self._say(f"the supervisor died ({self.ended}); starting another in {delay:g} s")
        self.start_at = now + delay

    def _drain_wire(self) -> None:
        """What it asked for before it died was recorded before it asked: do it."""
        while self.wire is not None:
            try:
                messages = self.wire.receive()
            except (EOFError, OSError):
                return
            if not messages:
                return
            for message, fds in messages:
                self._request(message, fds)

    def _hang_up(self) -> None:
        if self.wire is not None:
            self.poll.unregister(self.wire.sock)
            self.wire.sock.close()
            self.wire = None

    def _supervisor_speaks(self, events: int) -> None:
        if self.wire is None:
            return
        if events & select.POLLOUT:
            self._flush()
        try:
            messages = self.wire.receive()
            self.children.maker.in_a_row = len(messages) > FEW
            for done, (message, fds) in enumerate(messages, start=1):
                self._request(message, fds)
                if done % ANSWERS_AT_ONCE == 0:
                    self._flush()
        except (EOFError, OSError):
            self._hang_up()  # its end is reaped by SIGCHLD, and another started then

    def _request(self, message: Message, fds: tuple[int, ...]) -> None:
        """Do what the supervisor asks; a word of a newer supervisor is passed over."""
        try:
            self._request_about_a_run(message, fds)
        except (OSError, ValueError, TypeError, LookupError) as problem:
            # No request, whatever is wrong with it, may end the parent of all programs.
            self._say(f"cannot do {message[:2]!r}: {problem!r}")

    def _request_about_a_run(self, message: Message, fds: tuple[int, ...]) -> None:
        match message:
            case ("spawn", tuple() as fields):
                self.children.spawn(making.Order(fields))
            case ("ack", str() as run_id):
                self.children.acknowledge(run_id)
            case ("signal", str() as run_id, int() as number):
                self._send(("signalled", run_id, self.children.signal(run_id, number)))
            case ("adopt", str() as run_id, int() as pid, int() as inode, int() as ticks):
                silent = self.children.adopt(run_id, pid, inode, ticks)
                if silent and self.adopted_at is None:
                    self.adopted_at = time.monotonic() + ADOPTED_INTERVAL
            case ("inherit", str() as name, dict() as variables):
                self.children.maker.inherited[name] = variables
            case _:
                self._request_about_us(message, fds)

    def _request_about_us(self, message: Message, fds: tuple[int, ...]) -> None:
        match message:
            case ("hold", str() as name, bytes() as data):
                self._drop(name)
                self.slots[name] = (data, fds)
            case ("drop", str() as name):
                self._drop(name)
            case ("up",):
                self.ever_up = True
            case ("heard",):
                self.unheard_at = None
                # A shutdown holds until it is done; a reload is no word for the next supervisor.
                self.orders = [order for order in self.orders if order != "reload"]
                # A later supervisor hears of shutting down again, but reloads nothing.
                self.orders = [order for order in self.orders if order != "reload"]
            case ("exit", int() as code):
                self.exit_code = code
            case _:
                for fd in fds:
                    os.close(fd)

    def _drop(self, name: str) -> None:
        for fd in self.slots.pop(name, (b"", ()))[1]:
            os.close(fd)

    def _say(self, sentence: str) -> None:
        say(sentence, str(self.options.get("log_format", "text")))

    # -- sending --------------------------------------------------------------------------------

    def _send(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        if self.wire is not None:
            self.wire.put(message, fds)

    def _flush(self) -> None:
        if self.wire is None:
            return
        try:
            done = self.wire.flush()
        except OSError:
            # It is gone; what it asked for before is still to be read, so only our side ends.
            self.wire.discard()
            done = True
        self.poll.modify(self.wire.sock, select.POLLIN | (0 if done else select.POLLOUT))


def main(arguments: list[str]) -> int:
    """
    Run the keeper.

    Args:
        arguments: The number of a descriptor with the marshalled options, then what is only there
            for the eyes of a person who looks at the process list.
    """
    with os.fdopen(int(arguments[0]), "rb") as boot:
        options = marshal.load(boot)  # noqa: S302  # written by ourselves a moment ago
    nofile = surroundings.raised_limit()
    making.keep_only({int(options["plan_fd"])})
    os.chdir("/")
    return Keeper(options, nofile).run()
