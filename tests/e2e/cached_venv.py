"""
Virtual environments of other projects' programs, installed once and kept in the user's cache.

What the tests compare with or supervise (the Hermes gateway, supervisord) never goes into the
environment that the tests run in.  ``HERMES_SUPERVISE_CACHE`` names another place.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL_TIMEOUT = 900.0
"""Seconds that one installation may take."""


class CannotInstallError(Exception):
    """The package cannot be installed here; the message says why, in one line."""


def cache_folder() -> Path:
    """Return where the environments are kept."""
    named = os.environ.get("HERMES_SUPERVISE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hermes-supervise"


def installed(requirement: str) -> Path:
    """
    Return the environment that holds *requirement*, made now if it was not there yet.

    Two test runs may ask at the same time: a lock lets one of them install, and a stamp, written
    last, says that an environment is whole.

    Raises:
        CannotInstallError: there is no network, no such version, or no room.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    name = f"{requirement.replace('==', '-')}-{python}"
    folder = cache_folder() / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{name}.lock")):
            if not (folder / "complete").exists():
                _install(requirement, folder)
    except OSError as problem:
        raise CannotInstallError(f"{folder}: {problem.strerror}") from problem
    return folder


def _install(requirement: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # half of an earlier try
    _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "install", "--retries", "2", requirement])
    (folder / "complete").touch()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotInstallError(f"{command[-1]}: not done in {INSTALL_TIMEOUT:.0f} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise CannotInstallError(f"{command[-1]}: {lines[-1]}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
