"""The whole checkout is clean in the eyes of the linter, the formatter and the type checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.places import ROOT


def complaints(tool: str, *arguments: str) -> str:
    """Run a tool of this environment over the checkout; return what it says, "" when content."""
    pytest.importorskip(tool, reason=f"{tool} is not installed: pip install -e '.[dev]'")
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_linter_has_nothing_to_say() -> None:
    """Every exception stands in pyproject.toml with its reason, so none is needed in a review."""
    assert complaints("ruff", "check", "--quiet", "--no-cache") == ""


def test_every_file_is_formatted() -> None:
    """A diff shows what changed, never how somebody likes to break lines."""
    assert complaints("ruff", "format", "--check", "--quiet", "--no-cache") == ""


def test_types_are_strict_on_linux(tmp_path: Path) -> None:
    """Package, tests and fakes: a fake that drifts from what it stands for is a type error."""
    assert complaints("mypy", f"--cache-dir={tmp_path}", "--platform=linux") == ""


def test_the_package_has_types_on_macos(tmp_path: Path) -> None:
    """
    A call that only Linux knows is asked for by ``getattr``, so that it has an answer elsewhere.

    The tests themselves may use what they find here, so only the package is checked.
    """
    found = complaints(
        "mypy", f"--cache-dir={tmp_path}", "--platform=darwin", "-p", "hermes_supervise"
    )

    assert found == ""
