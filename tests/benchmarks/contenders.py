"""
Who is measured: the bare loop, supervisord, and hermes-supervise with and without cgroups.

Each is started as its user would start it and stopped by SIGTERM; nothing reaches into it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.fleet import PATIENCE, CannotMeasureError, Fleet, until
from tests.benchmarks.kernel import children, processes_with
from tests.e2e.cached_venv import CannotInstallError, installed

ROOT = Path(__file__).parents[2]
BARE = Path(__file__).with_name("bare.py")
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
COMPILED_BEFORE = Path(__file__).with_name("compiled_before.py")


class Contender(Protocol):
    """Something that keeps a fleet running."""

    @property
    def name(self) -> str:
        """What it is called in the table."""

    def command(self, fleet: Fleet, *, eager: bool) -> list[str]:
        """
        Write what it needs to know into the fleet's folder; return how to start it.

        Args:
            fleet: What to run.
            eager: Start a program again at once whenever it ends.  Without, by its own defaults.
        """

    def status(self, fleet: Fleet) -> list[list[str]]:
        """Return the commands that show every program: for people, then for machines."""


@dataclass(frozen=True, slots=True)
class Bare:
    """The floor (see ``bare.py``)."""

    name: str = "bare"

    def command(self, fleet: Fleet, *, eager: bool) -> list[str]:
        """It has one way only."""
        words = [str(fleet.subject), str(fleet.record), fleet.mode, str(fleet.count)]
        return [sys.executable, "-I", "-S", str(BARE), *words]

    def status(self, fleet: Fleet) -> list[list[str]]:
        """It answers nothing."""
        return []


@dataclass(frozen=True, slots=True)
class Ours:
    """
    hermes-supervise; *cgroups* as in the file: ``off`` or ``auto``.

    With *compiled_before* it starts from a plan that is ready (see ``compiled_before.py``).
    """

    cgroups: str
    compiled_before: bool = False

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"ours, cgroups: {self.cgroups}"

    def command(self, fleet: Fleet, *, eager: bool) -> list[str]:
        """Write one entry for each program, as a person would."""
        lines = [
            "supervisor:",
            f"  state_dir: {fleet.folder}/{fleet.folder.name}",
            f"  socket: {fleet.folder}/control.sock",
            f"  cgroups: {self.cgroups}",
        ]
        if eager:
            lines += ["defaults:", "  restart: {backoff: {first: 0s}, give_up: none}"]
        lines += ["programs:"]
        for number in range(fleet.count):
            lines += [f"  p{number:04d}:", f"    command: {json.dumps(fleet.command(number))}"]
        config = fleet.folder / "supervisor.yaml"
        config.write_text("\n".join(lines) + "\n")
        words = ["-q", "-c", str(config)]
        if not self.compiled_before:
            return [*hermes_supervise(), *words]
        plan = fleet.folder / "plan"
        compile_seconds(config, plan)
        return [sys.executable, str(COMPILED_BEFORE), str(plan), *words]

    def status(self, fleet: Fleet) -> list[list[str]]:
        """Return the two forms of ``ctl status``."""
        ctl = [*hermes_supervise(), "ctl", "-c", str(fleet.folder / "supervisor.yaml"), "status"]
        return [ctl, [*ctl, "--json"]]


def hermes_supervise() -> list[str]:
    """Return our command as pip installs it, or the module where it is not installed."""
    script = Path(sys.executable).with_name("hermes-supervise")
    return [str(script)] if script.exists() else [sys.executable, "-m", "hermes_supervise"]


def compile_seconds(config: Path, plan: Path) -> float:
    """
    Compile *config* into *plan* in a new process; return the seconds of that step alone.

    Raises:
        CannotMeasureError: it cannot be compiled.
    """
    command = [sys.executable, "-m", "tests.benchmarks.compiling", str(config), str(plan)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise CannotMeasureError(f"{config.name} cannot be compiled: {said[-1]}")
    return float(done.stdout)


@dataclass(frozen=True, slots=True)
class Supervisord:
    """supervisord of PyPI, from an environment of its own."""

    folder: Path
    name: str = "supervisord"

    def command(self, fleet: Fleet, *, eager: bool) -> list[str]:
        """Write one section with as many processes as there are programs."""
        words = " ".join(fleet.command("%(process_num)d"))
        socket = fleet.folder / "supervisor.sock"
        lines = [
            "[supervisord]",
            "nodaemon = true",
            "silent = true",
            "minfds = 10000",  # its default, 1024, is too few for 1,000 programs
            f"logfile = {fleet.folder}/supervisord.log",
            f"pidfile = {fleet.folder}/supervisord.pid",
            "[unix_http_server]",
            f"file = {socket}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisorctl]",
            f"serverurl = unix://{socket}",
            "[program:p]",
            f"command = {words}",
            f"numprocs = {fleet.count}",
            "process_name = p%(process_num)04d",
            "stdout_logfile = NONE",
            "stderr_logfile = NONE",
        ]
        if eager:
            lines += ["startsecs = 0", "autorestart = true"]
        config = fleet.folder / "supervisord.conf"
        config.write_text("\n".join(lines) + "\n")
        return [str(self.folder / "bin" / "supervisord"), "-c", str(config)]

    def status(self, fleet: Fleet) -> list[list[str]]:
        """It has one form only."""
        config = str(fleet.folder / "supervisord.conf")
        return [[str(self.folder / "bin" / "supervisorctl"), "-c", config, "status"]]


def supervisord() -> Supervisord:
    """
    Return supervisord, installed now if it was not there yet.

    Raises:
        CannotMeasureError: it cannot be installed here.
    """
    try:
        return Supervisord(installed("supervisor"))
    except CannotInstallError as problem:
        raise CannotMeasureError(str(problem)) from problem


@dataclass(slots=True, kw_only=True)
class Running:
    """A contender at work."""

    contender: Contender
    fleet: Fleet
    process: subprocess.Popen[bytes]
    launched_at: int

    def pids(self) -> list[int]:
        """Return the processes that supervise: the one we started and its children, no programs."""
        ours = [self.process.pid]
        for child in children(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/exe").readlink() != self.fleet.subject:
                    ours.append(child)
        return ours

    def check(self) -> None:
        """Raise CannotMeasureError when it has ended by itself."""
        if self.process.poll() is not None:
            told = (self.fleet.folder / "stderr").read_text(errors="replace").strip()
            last = told.splitlines()[-1] if told else "it said nothing"
            code = self.process.returncode
            raise CannotMeasureError(f"{self.contender.name} ended with exit {code}: {last}")

    def until_started(self, count: int) -> None:
        """Wait until there have been *count* starts."""
        told = time.monotonic() + 1.0

        def done() -> bool:
            nonlocal told
            if time.monotonic() > told:
                self.check()
                told = time.monotonic() + 1.0
            return self.fleet.started() >= count

        until(done, lambda: f"{self.contender.name}: {self.fleet.started()} of {count} started")

    def stop(self) -> float:
        """Ask it to stop by SIGTERM; return the seconds until it is gone."""
        ended = os.pidfd_open(self.process.pid)  # Popen.wait looks only every 50 ms
        try:
            began = time.monotonic()
            self.process.send_signal(signal.SIGTERM)
            gone, _, _ = select.select([ended], [], [], PATIENCE)
            took = time.monotonic() - began
        finally:
            os.close(ended)
        if not gone:
            raise CannotMeasureError(f"{self.contender.name} did not stop in {PATIENCE:.0f} s")
        self.process.wait()
        return took

    def close(self) -> None:
        """End whatever of it is left, by pid."""
        # The one we started first: it would start the others again.
        if self.process.poll() is None:
            self.process.kill()
        while left := processes_with(str(self.fleet.folder)):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.01)
        self.process.wait(PATIENCE)
        self._remove_cgroups()

    def _remove_cgroups(self) -> None:
        """A supervisor that was killed leaves its empty groups to a next one, which never comes."""
        for mount in CGROUPS:
            for root in mount.glob(f"hermes-supervise-{self.fleet.folder.name}-*/"):
                for group in (*root.glob("*/"), root):
                    with contextlib.suppress(OSError):
                        group.rmdir()


@contextlib.contextmanager
def running(
    contender: Contender, subject: Path, mode: str, count: int, *, eager: bool = False
) -> Iterator[Running]:
    """
    Start a contender with a fleet in a folder of its own; end everything afterwards.

    The folder stays, beside *subject*, until the whole run is over: for a minute after many files
    were deleted, ext4 makes new ones ten times slower, and the next turn would be charged for it.
    """
    folder = Path(tempfile.mkdtemp(prefix="f", dir=subject.parent))
    fleet = Fleet(folder=folder, subject=subject, mode=mode, count=count)
    command = contender.command(fleet, eager=eager)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        launched_at = time.monotonic_ns()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder
        )
    run = Running(contender=contender, fleet=fleet, process=process, launched_at=launched_at)
    try:
        yield run
    finally:
        run.close()
