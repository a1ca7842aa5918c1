"""docs/tutorial/first-program.md, done by somebody who only copies from the page."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-program.md"
FOREGROUND = "hermes-supervise -c supervisor.yaml"
PATIENCE = 30.0


class Reader:
    """A folder, and what was typed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(folder),
        }
        self.started: list[subprocess.Popen[bytes]] = []
        self.said: list[tuple[str, str]] = []

    def types(self, line: str) -> None:
        """Type one line; what stays in the foreground gets a terminal of its own."""
        if line == FOREGROUND:
            with (self.folder / "first-terminal").open("ab") as log:
                keeper = subprocess.Popen(
                    shlex.split(line),
                    cwd=self.folder,
                    env=self.environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.started.append(keeper)
            self.wait_for_an_answer()
            return
        if "SUPERVISOR_PID" in line:
            pid = self.status()["supervisor"]["pid"]
            line = line.replace("SUPERVISOR_PID", str(pid))
        done = self.run(*shlex.split(line))
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        self.said.append((line, done.stdout))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def wait_for_an_answer(self) -> None:
        """A person sees in the first terminal that it is up."""
        deadline = time.monotonic() + PATIENCE
        while self.run("hermes-supervise", "ctl", "status").returncode != 0:
            assert time.monotonic() < deadline, (self.folder / "first-terminal").read_text()
            time.sleep(0.1)

    def status(self) -> dict[str, Any]:
        """Return the status document."""
        document = json.loads(self.run("hermes-supervise", "ctl", "status", "--json").stdout)
        assert isinstance(document, dict)
        return document

    def end(self) -> None:
        """End what is left, by its pids."""
        for keeper in self.started:
            if keeper.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.run("hermes-supervise", "ctl", "stop", "--force", "all")
                keeper.send_signal(signal.SIGTERM)
                try:
                    keeper.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    keeper.kill()
                    keeper.wait()


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Give a reader an empty folder with a short path."""
    if shutil.which("hermes-supervise", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("hermes-supervise is not installed in this environment")
    with tempfile.TemporaryDirectory(prefix="hs-tutorial-") as name:
        made = Reader(Path(name))
        try:
            yield made
        finally:
            made.end()


def block(language: str) -> str:
    """Return the one block of the page in a language."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def commands() -> list[str]:
    """Return what the page tells to type after the installation, in its order."""
    _installation, rest = PAGE.read_text().split("## A program that drains")
    return re.findall(r"^\$ (.*)$", rest, re.MULTILINE)


def test_the_tutorial_works_from_its_first_line_to_its_last(reader: Reader) -> None:
    """Whoever copies from it learns what it says, not how to repair it."""
    (reader.folder / "worker.py").write_text(block("python"))
    (reader.folder / "supervisor.yaml").write_text(block("yaml"))

    for line in commands():
        reader.types(line)

    assert [keeper.wait(PATIENCE) for keeper in reader.started] == [0, 0]
    said = dict(reader.said)  # the last answer to each line
    jobs = said["hermes-supervise ctl logs worker"]
    assert jobs.count("begins") == jobs.count("is done") > 0
    assert jobs.endswith("nothing is left half done\n")
    events = said["hermes-supervise ctl events worker"]
    assert re.search(r"asked-stop.*marker .*exit .*code=0.*outcome=drained.*stopped", events, re.S)
