"""What signals to the keeper mean: they are told to the supervisor as orders."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from tests.unit.keeper.lone import LoneKeeper, lone_keeper

Starter = Callable[[], None]


@pytest.fixture
def terminal() -> Iterator[str]:
    """The name of a terminal that nobody controls yet."""
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(theirs)
    os.close(ours)


def on_terminal(name: str, *, nohup: bool = False) -> Starter:
    """Return what makes a keeper the leader of a session on this terminal."""

    def starter() -> None:
        os.setsid()
        fd = os.open(name, os.O_RDWR)
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
        os.close(fd)
        if nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    return starter


def ordered(keeper: LoneKeeper, number: signal.Signals) -> str:
    """Send a signal and return the order that comes of it."""
    keeper.heard.clear()
    keeper.process.send_signal(number)
    assert keeper.until(lambda: any(m[0] == "order" for m in keeper.heard))
    return next(str(m[1]) for m in keeper.heard if m[0] == "order")


@pytest.mark.parametrize(
    ("number", "order"),
    [
        (signal.SIGTERM, "shutdown"),
        (signal.SIGINT, "shutdown"),
        (signal.SIGQUIT, "leave"),
        (signal.SIGHUP, "reload"),
    ],
)
def test_each_signal_is_one_order(number: signal.Signals, order: str) -> None:
    """The supervisor takes no orders by signal itself."""
    with lone_keeper(start_new_session=True) as keeper:
        assert ordered(keeper, number) == order


def test_blocked_signals_of_our_starter_still_order(terminal: str) -> None:
    """A mask survives exec; nobody could end us politely."""

    def starter() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})

    with lone_keeper(preexec_fn=starter) as keeper:
        keeper.spawn("r1", ["/bin/true"])
        keeper.answer("ended", "r1")

        assert ordered(keeper, signal.SIGTERM) == "shutdown"


@pytest.mark.parametrize(("nohup", "order"), [(False, "shutdown"), (True, "reload")])
def test_the_end_of_a_terminal_is_ours_unless_nohup_says_no(
    terminal: str, nohup: bool, order: str
) -> None:
    """Whoever says nohup means it."""
    with lone_keeper(preexec_fn=on_terminal(terminal, nohup=nohup)) as keeper:
        assert ordered(keeper, signal.SIGHUP) == order


def test_a_second_interrupt_on_a_terminal_means_force(terminal: str) -> None:
    """But not at once: a nervous finger types Ctrl-C twice."""
    with lone_keeper(preexec_fn=on_terminal(terminal)) as keeper:
        assert ordered(keeper, signal.SIGINT) == "shutdown"
        keeper.ask("heard")
        first = time.monotonic()
        keeper.heard.clear()

        def interrupted() -> bool:
            keeper.process.send_signal(signal.SIGINT)
            keeper.listen(0.1)
            return ("order", "force") in keeper.heard

        assert keeper.until(interrupted)
        assert time.monotonic() - first >= 0.95


def test_a_second_interrupt_without_a_terminal_changes_nothing() -> None:
    """A script that sends SIGINT twice wants an end, not a massacre."""
    with lone_keeper(start_new_session=True) as keeper:
        assert ordered(keeper, signal.SIGINT) == "shutdown"
        keeper.ask("heard")
        keeper.heard.clear()
        started = time.monotonic()
        while time.monotonic() - started < 1.3:
            keeper.process.send_signal(signal.SIGINT)
            keeper.listen(0.1)

        assert [m for m in keeper.heard if m[0] == "order"] == []
