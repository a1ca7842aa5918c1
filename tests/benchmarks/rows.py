"""
The rows of the table: each measures one thing for every contender, one after the other.

Contenders take turns inside a row and the turns are repeated, so that a ratio compares figures
taken seconds apart on the same machine in the same mood.
"""

from __future__ import annotations

import os
import pty
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.contenders import Contender, Ours, Running, compile_seconds, running
from tests.benchmarks.figures import Results
from tests.benchmarks.fleet import CannotMeasureError, Fleet
from tests.benchmarks.kernel import pss, usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the benchmarks: who takes part, how large, how often, how long."""

    contenders: tuple[Contender, ...]
    subject: Path
    sizes: tuple[int, ...]
    rounds: int
    seconds: float
    patient: bool
    results: Results
    say: Callable[[str], None]

    def turns(self, row: str, *, slow: tuple[str, ...] = ()) -> Iterator[tuple[int, Contender]]:
        """Yield (round, contender) with the turns interleaved; *slow* ones have one turn."""
        for turn in range(self.rounds):
            for contender in self.contenders:
                if contender.name in slow and turn > 0:
                    continue
                if self._dropped_out(row, contender):
                    continue
                self.say(f"{row}: {contender.name}, {turn + 1} of {self.rounds}")
                yield turn, contender

    def _dropped_out(self, row: str, contender: Contender) -> bool:
        return any(
            (each.row, each.who) == (row, contender.name) and each.note
            for each in self.results.figures
        )


SUPERVISORD = "supervisord"


def start(session: Session) -> None:
    """
    From the exec of the supervisor to the first instruction of the last program.

    Ours takes part twice in every turn: from a plan that was compiled before, which is what the
    aim is about, and as a user starts it.  The others know one way, which stands in both rows.
    """
    for size in session.sizes:
        row = f"start of {size}, compile excluded"
        whole = f"start of {size}, compile included"
        for _, contender in session.turns(row, slow=(SUPERVISORD,)):
            if isinstance(contender, Ours):
                _start(session, (row,), replace(contender, compiled_before=True), size)
                _start(session, (whole,), contender, size)
            else:
                _start(session, (row, whole), contender, size)


def _start(session: Session, rows: tuple[str, ...], contender: Contender, size: int) -> None:
    with _measuring(session, rows[0], contender, "p", size) as run:
        run.until_started(size)
        last = max(each.at for each in run.fleet.starts())
        for row in rows:
            session.results.add(row, contender.name, "s", [(last - run.launched_at) / 1e9])


def compiling(session: Session) -> None:
    """The compile step of a start by itself: its imports, the file, the plan."""
    for size in session.sizes:
        row = f"compile of {size}"
        ours = [each for each in session.contenders if isinstance(each, Ours)][:1]
        for contender in ours * session.rounds:
            session.say(f"{row}: {contender.name}")
            try:
                config = _written(contender, session.subject, size)
                took = compile_seconds(config, config.with_name("plan"))
            except CannotMeasureError as problem:
                session.results.skip(row, contender.name, str(problem))
                break
            session.results.add(row, contender.name, "s", [took])


def crash(session: Session) -> None:
    """From SIGKILL of a program to the first instruction of its replacement."""
    programs = min(20, max(session.sizes))
    row = "crash to replacement, p50"
    worst = "crash to replacement, p95"
    for turn, contender in session.turns(row, slow=(SUPERVISORD,)):
        kills = 10 if contender.name == SUPERVISORD else 50
        with _measuring(session, row, contender, "p", programs, eager=True) as run:
            run.until_started(programs)
            time.sleep(1.5)  # past the settle time of everybody: a running program crashes
            taken = [_kill_one(run, turn * kills + index) for index in range(kills)]
            session.results.add(row, contender.name, "ms", [statistics.median(taken)])
            p95 = statistics.quantiles(taken, n=20)[-1]
            session.results.add(worst, contender.name, "ms", [p95])


def _kill_one(run: Running, turn: int) -> float:
    """Kill the youngest copy of one program; return the ms until the next copy began."""
    number = turn % run.fleet.count
    before = run.fleet.starts()
    victim = next(each for each in reversed(before) if each.number == number)
    began = time.monotonic_ns()
    os.kill(victim.pid, signal.SIGKILL)
    run.until_started(len(before) + 1)
    time.sleep(0.02)  # let everybody come to rest before the next one
    return (run.fleet.starts()[len(before)].at - began) / 1e6


def stop(session: Session) -> None:
    """From SIGTERM to the supervisor until it is gone, with every program that ends at once."""
    for size in session.sizes:
        row = f"stop of {size}"
        for _, contender in session.turns(row, slow=(SUPERVISORD,)):
            with _measuring(session, row, contender, "p", size) as run:
                run.until_started(size)
                time.sleep(2.5)
                session.results.add(row, contender.name, "s", [run.stop()])


def drain(session: Session) -> None:
    """The same with programs that need one second each: everybody must wait at the same time."""
    size = min(100, max(session.sizes))
    row = f"stop of {size} that drain 1 s"
    for _, contender in session.turns(row, slow=(SUPERVISORD,)):
        if contender.name == SUPERVISORD and not session.patient:
            session.results.skip(row, contender.name, "one after the other: --patient measures it")
            continue
        with _measuring(session, row, contender, "d", size) as run:
            run.until_started(size)
            time.sleep(2.5)
            session.results.add(row, contender.name, "s", [run.stop()])


def idle(session: Session) -> None:
    """What it costs to do nothing: memory at each size, wake-ups and CPU at the largest."""
    for size in session.sizes:
        row = f"memory with {size}"
        wakes, cpu = f"idle with {size}: wake-ups", f"idle with {size}: CPU"
        for turn, contender in session.turns(row, slow=tuple(e.name for e in session.contenders)):
            with _measuring(session, row, contender, "p", size) as run:
                run.until_started(size)
                time.sleep(5.0)  # everything that follows a start is over
                pids = run.pids()
                session.results.add(row, contender.name, "MiB", [pss(pids)])
                if size < max(session.sizes) or turn:
                    continue
                before = usage(pids)
                time.sleep(session.seconds)
                after = usage(pids)
                woken = (after.wakeups - before.wakeups) / session.seconds
                used = (after.cpu - before.cpu) / session.seconds * 60_000
                session.results.add(wakes, contender.name, "/s", [woken])
                session.results.add(cpu, contender.name, "ms/min", [used])


def status(session: Session) -> None:
    """``ctl status`` as a whole process: for a terminal, and as JSON into a pipe."""
    for size in session.sizes:
        for_people, for_machines = f"status as a table, {size}", f"status as JSON, {size}"
        for contender in session.contenders:
            if contender.name == "bare" or contender.name.endswith("auto"):
                continue
            session.say(f"{for_people}: {contender.name}")
            with _measuring(session, for_people, contender, "p", size) as run:
                run.until_started(size)
                time.sleep(2.5)
                commands = contender.status(run.fleet)
                shown = [_shown_on_a_terminal(commands[0], size) for _ in range(9)]
                session.results.add(for_people, contender.name, "ms", shown)
                if len(commands) > 1:
                    piped = [_piped(commands[1], size) for _ in range(9)]
                    session.results.add(for_machines, contender.name, "ms", piped)


def _piped(command: list[str], size: int) -> float:
    """Return the ms that a command takes whose output nobody looks at; it must name them all."""
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    _all_named(command, done.stdout, size)
    return took * 1000


def _shown_on_a_terminal(command: list[str], size: int) -> float:
    """Return the ms that a command takes whose output is a terminal of 120 columns."""
    reader, terminal = pty.openpty()
    read: list[bytes] = []

    def drain_terminal() -> None:
        with suppress(OSError):  # EIO: the last writer has closed it
            while chunk := os.read(reader, 65536):
                read.append(chunk)

    listener = threading.Thread(target=drain_terminal)
    listener.start()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    environment.pop("NO_COLOR", None)
    began = time.monotonic()
    subprocess.run(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, check=False
    )
    took = time.monotonic() - began
    os.close(terminal)
    listener.join()
    os.close(reader)
    _all_named(command, b"".join(read).decode(errors="replace"), size)
    return took * 1000


def _all_named(command: list[str], output: str, size: int) -> None:
    missing = [number for number in range(size) if f"p{number:04d}" not in output]
    if missing:
        last = (output.strip().splitlines() or ["nothing"])[-1]
        raise CannotMeasureError(f"{Path(command[0]).name} left out {len(missing)}: {last[:80]}")


def storm(session: Session) -> None:
    """Fifty programs that fail at once, everybody with the defaults of its own."""
    programs = min(50, max(session.sizes))
    row = f"storm of {programs}: CPU of the supervisor"
    spawns = f"storm of {programs}: starts"
    seconds = session.seconds * 2
    for _, contender in session.turns(row, slow=tuple(each.name for each in session.contenders)):
        if contender.name == "bare":
            continue  # it has no policy: it would start tens of thousands
        with _measuring(session, row, contender, "x", programs) as run:
            time.sleep(seconds)
            run.check()
            used = usage(run.pids()).cpu
            session.results.add(row, contender.name, f"s in {seconds:.0f} s", [used])
            session.results.add(spawns, contender.name, "", [float(run.fleet.started())])


@contextmanager
def _measuring(
    session: Session, row: str, contender: Contender, mode: str, count: int, *, eager: bool = False
) -> Iterator[Running]:
    """A running contender whose failure costs it its row, and nobody else anything."""
    try:
        with running(contender, session.subject, mode, count, eager=eager) as run:
            yield run
    except CannotMeasureError as problem:
        session.results.skip(row, contender.name, str(problem))


def _written(contender: Contender, subject: Path, size: int) -> Path:
    """Return the configuration of a fleet that is not started."""
    folder = Path(tempfile.mkdtemp(prefix="c", dir=subject.parent))
    contender.command(Fleet(folder=folder, subject=subject, mode="p", count=size), eager=False)
    return folder / "supervisor.yaml"


ROWS: dict[str, Callable[[Session], None]] = {
    "start": start,
    "compile": compiling,
    "crash": crash,
    "drain": drain,
    "stop": stop,
    "idle": idle,
    "status": status,
    "storm": storm,
}
"""What ``--rows`` chooses from, in the order in which it is measured."""
