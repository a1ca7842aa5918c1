"""What the keeper holds, for as long as somebody has to know of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_supervise.keeper import witness
from tests.unit.keeper.lone import lone_keeper, wait_for

SLEEP = ["/bin/sleep", "100"]
STRAY = Path(__file__).parents[2] / "e2e" / "programs" / "double_fork_stray.py"
EXITS = [0, 7, -signal.SIGSEGV]


def exiting(code: int) -> list[str]:
    """Return the command of a program that ends so."""
    how = f"exit {code}" if code >= 0 else f"kill -{-code} $$"
    return ["/bin/sh", "-c", how]


@pytest.mark.parametrize("pidfd", ["there", "missing", "refused"])
@pytest.mark.parametrize("code", EXITS)
def test_an_end_between_two_supervisors_is_told_to_the_next(pidfd: str, code: int) -> None:
    """A supervisor may be killed at any instant; a reaped status is lost for ever."""
    with lone_keeper(supervisors=3, options={"pidfd": pidfd}) as keeper:
        keeper.spawn("r1", exiting(code))
        keeper.answer("ended", "r1")
        keeper.die()
        keeper.next_supervisor()
        first = keeper.held["r1"]
        keeper.die()
        keeper.next_supervisor()

        assert keeper.held["r1"] == first
        assert isinstance(first[-1], tuple)
        assert os.waitstatus_to_exitcode(first[-1][2]) == code


def test_an_acknowledged_end_is_forgotten() -> None:
    """Else the keeper would grow for ever."""
    with lone_keeper(supervisors=2) as keeper:
        keeper.spawn("r1", exiting(0))
        keeper.answer("ended", "r1")
        keeper.ask("ack", "r1")
        keeper.die()
        keeper.next_supervisor()

        assert keeper.held == {}


def test_a_living_run_is_not_forgotten_by_a_hasty_word() -> None:
    """An end is acknowledged; something that lives has none."""
    with lone_keeper(supervisors=2) as keeper:
        keeper.spawn("r1", SLEEP)
        pid = keeper.made("r1")
        keeper.ask("ack", "r1")
        keeper.die()
        keeper.next_supervisor()

        assert keeper.held["r1"][1] == pid


def test_a_known_run_id_is_not_made_twice(tmp_path: Path) -> None:
    """A supervisor that died before it heard the answer asks again: that must not double."""
    starts = tmp_path / "starts"
    argv = ["/bin/sh", "-c", f"echo x >> {starts}; exec sleep 100"]
    with lone_keeper(supervisors=2) as keeper:
        keeper.spawn("r1", argv)
        first = keeper.answer("made", "r1")
        keeper.die()
        keeper.next_supervisor()
        keeper.spawn("r1", argv)

        assert keeper.answer("made", "r1") == first
        assert wait_for(starts.exists)
        keeper.spawn("r2", exiting(0))
        keeper.answer("ended", "r2")
        assert starts.read_text() == "x\n"


def test_what_a_supervisor_asked_for_before_it_died_is_done() -> None:
    """It was recorded before it was asked for; and the keeper lives on though nobody listens."""
    with lone_keeper(supervisors=2) as keeper:
        for number in range(60):
            keeper.spawn(f"r{number}", exiting(number))
        keeper.die()
        keeper.next_supervisor()

        assert keeper.until(
            lambda: (
                len({row[0] for row in keeper.held.values() if row[-1]})
                + len({m[1] for m in keeper.heard if m[0] == "ended"})
                == 60
            )
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_run_that_is_forked_and_not_yet_the_program_is_held_as_such(tmp_path: Path) -> None:
    """The next supervisor must not take it for never made, and make it again."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    with lone_keeper(supervisors=2) as keeper:
        keeper.spawn("r1", [str(slow)], user=(0, 0, ()))
        keeper.die()
        keeper.next_supervisor()

        formed = keeper.held.get("r1")
        pid = formed[1] if formed is not None else keeper.made("r1")
        assert isinstance(pid, int)
        assert wait_for(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.parametrize(
    "message", [("spawn", (1, 2)), ("adopt", "r", 1), ("what",), ("hold", "x")]
)
def test_a_word_that_makes_no_sense_does_not_end_the_keeper(message: tuple[object, ...]) -> None:
    """It may come from a supervisor of another version."""
    with lone_keeper(stderr=subprocess.DEVNULL) as keeper:
        keeper.ask(*message)
        keeper.spawn("r1", exiting(3))

        assert keeper.answer("ended", "r1")[2] == 3 << 8


@pytest.mark.parametrize("pidfd", ["there", "missing", "refused"])
def test_a_signal_reaches_the_run_and_nobody_after_its_end(pidfd: str) -> None:
    """The keeper signals only what it has not reaped."""
    with lone_keeper(options={"pidfd": pidfd}) as keeper:
        keeper.spawn("r1", SLEEP)
        keeper.made("r1")
        keeper.ask("signal", "r1", int(signal.SIGTERM))

        assert keeper.answer("signalled", "r1")[2] is True
        assert keeper.answer("ended", "r1")[2] == signal.SIGTERM
        keeper.heard.clear()
        keeper.ask("signal", "r1", int(signal.SIGTERM))
        assert keeper.answer("signalled", "r1")[2] is False


def test_orphans_of_programs_are_reaped() -> None:
    """As subreaper, or as PID 1, the keeper is whom they come to; zombies would fill the table."""
    argv = [sys.executable, "-I", "-S", "-c", "import os; os.fork() and os._exit(0)"]
    with lone_keeper() as keeper:
        keeper.spawn("r1", argv)
        keeper.answer("ended", "r1")

        assert keeper.until(lambda: any(m[0] == "strays" for m in keeper.heard))
        assert witness.present_children(keeper.pid) == []


def test_what_has_to_outlive_a_supervisor_is_handed_to_the_next(tmp_path: Path) -> None:
    """The lock and the listening socket must never be free in between."""
    file = tmp_path / "held"
    fd = os.open(file, os.O_RDWR | os.O_CREAT)
    with lone_keeper(supervisors=2) as keeper:
        keeper.ask("hold", "lock", b"words", fds=(fd,))
        os.close(fd)
        keeper.spawn("r1", exiting(0))
        keeper.answer("ended", "r1")
        keeper.die()
        keeper.next_supervisor()

        assert keeper.hello["slots"] == [("lock", b"words", 1)]
        assert str(file) in [os.readlink(f) for f in Path(f"/proc/{keeper.pid}/fd").iterdir()]
        assert str(file) in [os.readlink(f) for f in Path("/proc/self/fd").glob("*") if _open(f)]
        for own in Path("/proc/self/fd").glob("*"):
            if _open(own) and os.readlink(own) == str(file):
                os.close(int(own.name))


def _open(link: Path) -> bool:
    return os.path.lexists(link)


# -- adopting -----------------------------------------------------------------------------------


@pytest.fixture
def orphan() -> subprocess.Popen[bytes]:
    """A process that is not the keeper's child, as after the death of an earlier keeper."""
    return subprocess.Popen(SLEEP)


def identity(pid: int, pidfd: str) -> tuple[int, int, int]:
    """Return (pid, inode, ticks) as a keeper with these facilities would have recorded it."""
    ticks = witness.start_ticks(pid)
    return (pid, witness.mark(pid), 0) if pidfd == "there" else (pid, 0, ticks)


@pytest.mark.parametrize("pidfd", ["there", "missing", "refused"])
def test_an_adopted_process_is_held_and_its_end_seen(
    pidfd: str, orphan: subprocess.Popen[bytes]
) -> None:
    """Its status is read from the zombie that its parent has not reaped yet."""
    with lone_keeper(options={"pidfd": pidfd}) as keeper:
        keeper.ask("adopt", "r1", *identity(orphan.pid, pidfd))
        keeper.made("r1")
        orphan.terminate()

        assert keeper.answer("ended", "r1")[2] == signal.SIGTERM
        orphan.wait()


@pytest.mark.parametrize("pidfd", ["there", "missing", "refused"])
def test_an_adopted_process_that_is_reaped_at_once_has_a_true_end_or_none(
    pidfd: str, orphan: subprocess.Popen[bytes]
) -> None:
    """An exit status is never invented."""
    with lone_keeper(options={"pidfd": pidfd}) as keeper:
        keeper.ask("adopt", "r1", *identity(orphan.pid, pidfd))
        keeper.made("r1")
        orphan.terminate()
        orphan.wait()

        assert keeper.answer("ended", "r1")[2] in (signal.SIGTERM, -1)


@pytest.mark.parametrize("pidfd", ["there", "missing"])
def test_a_recycled_pid_is_not_adopted_and_not_signalled(
    pidfd: str, orphan: subprocess.Popen[bytes]
) -> None:
    """Law 12: a signal is only ever sent to a process whose identity was checked."""
    pid, inode, ticks = identity(orphan.pid, pidfd)
    with lone_keeper(options={"pidfd": pidfd}) as keeper:
        keeper.ask("adopt", "r1", pid, inode and inode + 1, ticks and ticks + 1)

        assert keeper.answer("lost", "r1")
        keeper.ask("signal", "r1", int(signal.SIGKILL))
        assert keeper.answer("signalled", "r1")[2] is False
        assert orphan.poll() is None
    orphan.kill()
    orphan.wait()


# -- nobody answers -----------------------------------------------------------------------------


def test_without_a_supervisor_that_answers_the_keeper_leaves_the_programs(tmp_path: Path) -> None:
    """Nobody decides any more; a program is not to be killed for that."""
    options = {"answer_timeout": 0.2, "mute": True}
    told = tmp_path / "told"
    with told.open("wb") as stderr, lone_keeper(options=options, stderr=stderr) as keeper:
        keeper.spawn("r1", SLEEP)
        pid = keeper.made("r1")
        mute = [p for p in witness.present_children(keeper.pid) if p != pid]
        keeper.process.send_signal(signal.SIGTERM)

        assert keeper.until(lambda: ("order", "shutdown") in keeper.heard)
        assert keeper.process.wait(10) == 1
        assert "no supervisor has answered for 0.2 s" in told.read_text()
        assert witness.zombie_status(pid) is None
        assert witness.start_ticks(pid)
        assert [p for p in mute if witness.start_ticks(p)] == [], "it would hold the lock for ever"
        os.kill(pid, signal.SIGKILL)


def test_a_supervisor_that_has_heard_may_take_its_time() -> None:
    """A drain lasts as long as it lasts."""
    with lone_keeper(options={"answer_timeout": 0.2}) as keeper:
        keeper.process.send_signal(signal.SIGTERM)
        assert keeper.until(lambda: ("order", "shutdown") in keeper.heard)
        keeper.ask("heard")
        keeper.spawn("r1", ["/bin/sleep", "0.6"])
        keeper.answer("ended", "r1")

        assert keeper.process.poll() is None
        keeper.ask("exit", 5)
        assert keeper.process.wait(10) == 5


def test_an_order_to_end_is_repeated_to_the_next_supervisor_and_a_reload_is_not() -> None:
    """The one is still true; the other would read the file at a moment that nobody chose."""
    with lone_keeper(supervisors=2, start_new_session=True) as keeper:
        for number, order in ((signal.SIGHUP, "reload"), (signal.SIGTERM, "shutdown")):
            keeper.process.send_signal(number)
            assert keeper.until(lambda order=order: ("order", order) in keeper.heard)  # type: ignore[misc]
            keeper.ask("heard")
        keeper.spawn("r1", exiting(0))
        keeper.answer("ended", "r1")
        keeper.die()
        keeper.next_supervisor()

        assert keeper.hello["orders"] == ["shutdown"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a pid namespace")
def test_as_pid_1_it_asks_everybody_to_end_when_no_supervisor_answers(tmp_path: Path) -> None:
    """Nothing outlives PID 1, so the programs get at least the signal that they know."""
    prefix = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    options = {"answer_timeout": 0.2}
    with lone_keeper(prefix=prefix, options=options, stderr=subprocess.DEVNULL) as keeper:
        assert keeper.hello["pid"] == 1
        file = tmp_path / "told"
        ready = tmp_path / "ready"
        trap = f"trap 'echo told > {file}; exit 0' TERM; echo > {ready}; sleep 100 & wait"
        keeper.spawn("r1", ["/bin/sh", "-c", trap])
        assert wait_for(ready.exists)
        os.kill(keeper.pid, signal.SIGTERM)

        assert keeper.process.wait(10) == 1
        assert file.read_text() == "told\n"
