"""
A supervisor in a folder of its own, for tests with real processes.

``Rig`` writes the configuration, starts ``hermes-supervise -c``, talks to it, and at the end kills
whatever is left and says what should not have been left.  Everything below the keeper carries a
tag in its environment, so nothing is found, or ended, that is not ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hermes_supervise.control import client
from hermes_supervise.plan.places import runtime_folder

PATIENCE = 20.0
"""Seconds after which a test stops believing that something will still happen."""

PROGRAMS = Path(__file__).with_name("programs")
TAG = "HERMES_RIG"

SUPERVISE = [sys.executable, "-m", "hermes_supervise"]


def program(name: str, *arguments: object) -> list[str]:
    """Return the command of one of the programs in ``programs/``."""
    return [sys.executable, "-I", "-S", str(PROGRAMS / f"{name}.py"), *map(str, arguments)]


def sleeper(seconds: float = 120.0) -> list[str]:
    """Return the command of a program that only waits; it starts fast and dies by SIGTERM."""
    return ["sleep", f"{seconds:g}"]


def shell(script: str) -> list[str]:
    """Return the command of a shell script."""
    return ["sh", "-c", script]


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


@dataclass
class Rig:
    """One configuration, and the supervisors that were started on it."""

    root: Path
    prefix: Sequence[str] = ()
    """Words in front of every supervisor's command line, such as ``unshare -m``."""
    environ: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    cgroup_roots: set[Path] = field(default_factory=set)
    leaves: bool = False
    """Whether programs may be left running: the test asked for it."""

    def __post_init__(self) -> None:
        self.config = self.root / "supervisor.yaml"
        self.state = self.root / "state"
        self.socket = self.root / "s"
        self.log = self.root / "supervisor.log"
        self.tag = self.root.name
        self.cgroup_roots |= set(_cgroup_roots())
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            TAG: self.tag,
            **self.environ,
        }

    # -- the configuration ----------------------------------------------------------------------

    def write(
        self,
        programs: Mapping[str, Any],
        *,
        supervisor: Mapping[str, Any] | None = None,
        **top: Any,
    ) -> None:
        """
        Write the configuration: ``programs`` and, if given, ``defaults``.

        State and socket lie in our folder; cgroups are off unless *supervisor* says otherwise.
        """
        own = {"state_dir": str(self.state), "socket": str(self.socket), "cgroups": "off"}
        document = {"supervisor": {**own, **(supervisor or {})}, **top, "programs": dict(programs)}
        self.config.write_text(json.dumps(document, indent=1))  # JSON is YAML

    # -- life -----------------------------------------------------------------------------------

    def start(self, *options: str, wait: bool = True, **kwargs: Any) -> subprocess.Popen[bytes]:
        """Start ``hermes-supervise -c``; with *wait* return when it answers."""
        with self.log.open("ab") as log:
            given = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": self.environ}
            command = [*self.prefix, *SUPERVISE, "-c", str(self.config), *options]
            keeper = subprocess.Popen(command, **{**given, "cwd": self.root, **kwargs})
        self.started.append(keeper)
        if wait:
            self.until(lambda: self.answers() or keeper.poll() is not None, "an answer")
            assert keeper.poll() is None, f"it ended with {keeper.returncode}{self.told()}"
        return keeper

    @property
    def keeper(self) -> subprocess.Popen[bytes]:
        """The last keeper that was started."""
        return self.started[-1]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the keeper a signal and return its exit code."""
        self.keeper.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the keeper's end and return its exit code."""
        try:
            return self.keeper.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the keeper has not ended{self.told()}")

    def supervisor_pid(self) -> int | None:
        """Return the pid of the supervisor process, None where there is none."""
        for pid in children_of(self.keeper.pid):
            words = words_of(pid)
            if "supervisor" in words and any(word.endswith("boot.py") for word in words):
                return pid
        return None

    def kill_supervisor(self) -> int:
        """SIGKILL the supervisor and return the pid that it had."""
        pid = self.supervisor_pid()
        assert pid is not None, f"there is no supervisor{self.told()}"
        os.kill(pid, signal.SIGKILL)
        return pid

    # -- asking ---------------------------------------------------------------------------------

    def ctl(
        self, *arguments: object, timeout: float = 60.0, prefix: Sequence[str] = (), **env: str
    ) -> Said:
        """Run ``ctl`` to its end as an operator would."""
        place = ["-c", str(self.config)]
        command = [*prefix, *SUPERVISE, "ctl", *place, *map(str, arguments)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=self.root,
            env={**self.environ, **env},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Ask the socket itself: faster than ``ctl``; raises ``ControlError``."""
        return client.call(str(self.socket), method, params, timeout=PATIENCE)

    def answers(self) -> bool:
        """Whether a supervisor takes questions."""
        try:
            client.call(str(self.socket), "status", {"names": []}, timeout=1.0)
        except Exception:  # whatever keeps it from answering
            return False
        return True

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return all rows of ``status`` by name."""
        return {row["name"]: row for row in self.ask("status")["programs"]}

    def row(self, name: str) -> dict[str, Any]:
        """Return the row of one program."""
        found = self.ask("status", names=[name])["programs"]
        return dict(found[0])

    def phase(self, name: str) -> str:
        """Return the phase of one program."""
        return str(self.row(name)["phase"])

    def events(self, name: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the history, oldest first."""
        found = self.ask("events", name=name, limit=10_000)["events"]
        return [event for event in found if kind is None or event["kind"] == kind]

    def kinds(self, name: str | None = None) -> list[str]:
        """Return the kinds of the history, oldest first."""
        return [str(event["kind"]) for event in self.events(name)]

    # -- waiting --------------------------------------------------------------------------------

    def until(self, question: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Ask until the answer is true and return it, or fail with *what* was waited for."""
        deadline = time.monotonic() + patience
        while not (answer := question()):
            if time.monotonic() > deadline:
                pytest.fail(f"not in {patience:g} s: {what}{self.told()}")
            time.sleep(0.02)
        return answer

    def until_phase(self, name: str, *phases: str) -> dict[str, Any]:
        """Wait until a program is in one of *phases* and return its row."""

        def there() -> dict[str, Any] | None:
            row = self.row(name)
            return row if row["phase"] in phases else None

        return dict(self.until(there, f"{name} {' or '.join(phases)}"))

    def until_other_run(self, name: str, pid: int | None) -> int:
        """Wait until a program has a process, another one than *pid*, and return its pid."""

        def there() -> int | None:
            now = self.row(name)["pid"]
            return None if now == pid else now

        return int(self.until(there, f"another run of {name}"))

    def until_next_supervisor(self, pid: int | None) -> None:
        """Wait until another supervisor than *pid* answers."""
        self.until(lambda: self.supervisor_pid() not in (None, pid), "the next supervisor")
        self.until(self.answers, "its answer")

    def until_gone(self, pid: int | None) -> None:
        """Wait until a process is gone or a zombie."""
        self.until(lambda: pid is None or not alive(pid), f"the end of {pid}")

    def until_settled(self) -> dict[str, dict[str, Any]]:
        """Wait until every program that is wanted runs, and return all rows."""

        def there() -> dict[str, dict[str, Any]] | None:
            rows = self.rows()
            wanted = [row for row in rows.values() if row["desired"] == "up"]
            return rows if all(row["phase"] == "running" for row in wanted) else None

        return dict(self.until(there, "every wanted program running"))

    def told(self) -> str:
        """Return the supervisor's own log, for the message of a test that fails."""
        return f"\n--- its log\n{self.text()}"

    def text(self) -> str:
        """Return the supervisor's own log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # -- the world ------------------------------------------------------------------------------

    def tagged(self) -> list[int]:
        """Return every living process of ours: keeper, supervisor, programs, strays."""
        return list(with_environ(f"{TAG}={self.tag}".encode()))

    def of_program(self, name: str) -> list[int]:
        """Return every living process of a program, whoever holds it."""
        wanted = f"HERMES_SUPERVISE_NAME={name}".encode()
        return [pid for pid in self.tagged() if wanted in environ_of(pid)]

    # -- the end --------------------------------------------------------------------------------

    def finish(self) -> list[str]:
        """End everything; return what had to be ended or was left although no keeper lives."""
        orderly = all(keeper.poll() is not None for keeper in self.started)
        left = [f"{pid}: {' '.join(words_of(pid))}" for pid in self.tagged()] if orderly else []
        left = [] if self.leaves else left
        if not orderly:
            for keeper in self.started:
                if keeper.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        keeper.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5.0
            while time.monotonic() < deadline and any(k.poll() is None for k in self.started):
                time.sleep(0.02)
        self._end_the_rest()
        for keeper in self.started:
            keeper.wait(PATIENCE)
        left += self._leftover_cgroups()
        shutil.rmtree(runtime_folder(str(self.config), self.environ, os.getuid()), True)
        shutil.rmtree(self.root, ignore_errors=True)
        return left

    def _end_the_rest(self) -> None:
        """Kill what carries our tag until nothing does: a tree may be forking."""
        deadline = time.monotonic() + PATIENCE
        while (pids := self.tagged()) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            for keeper in self.started:
                keeper.poll()

    def _leftover_cgroups(self) -> list[str]:
        left = []
        for root in set(_cgroup_roots()) - self.cgroup_roots:
            if not root.name.endswith(f"-{zlib.crc32(os.fsencode(self.state)):08x}"):
                continue  # another supervisor's
            for path in [*root.glob("*/"), root]:
                with contextlib.suppress(OSError):
                    path.rmdir()
                    left.append(f"cgroup {path}")
        # A supervisor that was killed leaves its folder to the next: only an orderly end counts.
        return left if self.started and self.started[-1].returncode == 0 else []


# -- processes ------------------------------------------------------------------------------------


def with_environ(variable: bytes) -> Iterator[int]:
    """Yield the pids of all living processes that have *variable* in their environment."""
    for name in os.listdir("/proc"):
        if name.isdigit() and variable in environ_of(int(name)) and alive(int(name)):
            yield int(name)


def environ_of(pid: int) -> list[bytes]:
    """Return the environment of a process, [] where it cannot be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def words_of(pid: int) -> list[str]:
    """Return the command line of a process, [] if it is gone."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return text.decode(errors="replace").rstrip("\0").split("\0")


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, [] if it is gone."""
    try:
        return [int(w) for w in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _cgroup_roots() -> list[Path]:
    mounts = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
    return [path for mount in mounts for path in mount.glob("hermes-supervise-*/")]


# -- fixtures -------------------------------------------------------------------------------------


@contextlib.contextmanager
def rigged(**kwargs: Any) -> Iterator[Rig]:
    """Give a rig in a new folder, with a short path as sockets need; clean up after it."""
    rig = Rig(Path(tempfile.mkdtemp(prefix="hs-", dir="/tmp")), **kwargs)
    try:
        yield rig
    finally:
        left = rig.finish()
    assert not left, f"left behind: {left}"


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A supervisor in a folder of its own; import it where it is used."""
    with rigged() as made:
        yield made
