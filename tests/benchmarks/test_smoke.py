"""The benchmarks can be run: tiny sizes, no figure is looked at beyond being there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("cc") is None, reason="the measured program is written in C")
def test_every_row_can_be_measured(tmp_path: Path) -> None:
    """A harness that rots is found now, not when somebody needs a figure."""
    written = tmp_path / "figures.json"
    small = ["--sizes", "3", "--rounds", "1", "--seconds", "1", "--who", "bare", "off"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *small, "--json", str(written)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(written.read_text())["figures"]
    rows = {figure["row"] for figure in figures if figure["samples"]}
    assert {
        "start of 3, compile excluded",
        "start of 3, compile included",
        "compile of 3",
        "crash to replacement, p50",
        "stop of 3 that drain 1 s",
        "stop of 3",
        "memory with 3",
        "idle with 3: wake-ups",
        "status as JSON, 3",
        "status as a table, 3",
        "storm of 3: CPU of the supervisor",
    } <= rows
