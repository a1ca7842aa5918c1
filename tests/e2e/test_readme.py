"""The first command of README.md, typed by a stranger on a fresh machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.places import ROOT, commands_of_readme, files

pytestmark = pytest.mark.e2e

INSTALL_PATIENCE = 240.0
"""Seconds for pip to fetch what is needed, on a slow line."""

PATIENCE = 30.0


@dataclass
class Clone:
    """A copy of the checkout in which the command has been typed."""

    folder: Path
    environ: dict[str, str]
    typed: subprocess.Popen[bytes]
    log: Path

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask in another terminal, as README.md shows it."""
        return subprocess.run(
            [".venv/bin/hermes-supervise", "ctl", "-c", "supervisor.yaml.example", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def phases(self) -> dict[str, str]:
        """Return name → phase."""
        document = json.loads(self.ctl("status", "--json").stdout)
        return {row["name"]: row["phase"] for row in document["programs"]}

    def running(self) -> bool:
        """Whether the command line is there and says that all is as wanted."""
        return (self.folder / ".venv/bin/hermes-supervise").exists() and (
            self.ctl("status", "--check").returncode == 0
            and set(self.phases().values()) == {"running"}
        )


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """Type the first command in a copy of the checkout, and wait until both gateways run."""
    version = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run(["python3", "-c", version], capture_output=True, check=False).returncode:
        pytest.skip("python3 of this machine is no Python 3.11 with pip")
    with tempfile.TemporaryDirectory(prefix="hs-readme-") as name:
        folder, log = Path(name, "clone"), Path(name, "log")
        for path in files():
            place = folder / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
        environ |= {"XDG_STATE_HOME": f"{name}/state", "XDG_RUNTIME_DIR": f"{name}/run"}
        with log.open("wb") as output:
            typed = subprocess.Popen(
                ["bash", "-c", commands_of_readme()["run"]],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        made = Clone(folder, environ, typed, log)
        try:
            _wait_until_running(made)
            yield made
        finally:
            _end(made)


def _wait_until_running(clone: Clone) -> None:
    deadline = time.monotonic() + INSTALL_PATIENCE
    while not clone.running():
        said = clone.log.read_text(errors="replace")
        if clone.typed.poll() is not None:
            if "No matching distribution" in said or "Connection" in said:
                pytest.skip("no package registry can be reached from here")
            pytest.fail(f"the command ended with {clone.typed.returncode}:\n{said}")
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def _end(clone: Clone) -> None:
    """End what is left, by its pids, and the state that root keeps in /var/lib."""
    if clone.typed.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            clone.ctl("stop", "--force", "all")
            clone.ctl("shutdown")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(clone.typed.pid, signal.SIGKILL)
        clone.typed.wait()
    state = re.search(r"state (\S+/hermes-supervise/[0-9a-f]{16});", clone.log.read_text())
    if state is not None:
        shutil.rmtree(state[1], ignore_errors=True)


def test_the_package_is_installed_whole(clone: Clone) -> None:
    """Not the checkout runs, but what pip made of it: nothing was left out of the wheel."""
    found = subprocess.run(
        [
            clone.folder / ".venv/bin/python",
            "-c",
            "import hermes_supervise as h; print(h.__file__)",
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert "site-packages" in found.stdout


def test_the_table_shows_both_gateways(clone: Clone) -> None:
    """Without a terminal it is plain text."""
    lines = clone.ctl("status").stdout.splitlines()

    assert re.match(r"supervisor running +2 programs|supervisor running, 2 programs", lines[0])
    assert [line.split()[:2] for line in lines[-2:]] == [["chat", "running"], ["queue", "running"]]


def test_stop_drains_and_shutdown_ends_everything(clone: Clone) -> None:
    """The rest of the sixty seconds: stop one, look back, end all."""
    stop = clone.ctl("stop", "chat")

    assert stop.returncode == 0
    assert clone.phases() == {"chat": "stopped", "queue": "running"}
    events = clone.ctl("events", "chat").stdout
    steps = ["asked-stop", " marker ", "signal=SIGTERM", "marker-consumed", "outcome=drained"]
    assert [step for step in steps if step not in events] == []

    shutdown = clone.ctl("shutdown")

    assert shutdown.returncode == 0
    assert clone.typed.wait(PATIENCE) == 0
    assert clone.ctl("status").returncode == 4
