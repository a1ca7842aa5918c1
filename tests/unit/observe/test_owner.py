"""Whether somebody else owns what a program needs."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from hermes_supervise.backends import host
from hermes_supervise.model.phase import Reason
from hermes_supervise.model.spec import Owner
from hermes_supervise.observe.owner import foreign_owner
from hermes_supervise.observe.pidfile import read_pid_file

NOBODY = 2**22 + 7
"""A pid beyond the largest that Linux gives."""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("42\n", (42, None)),
        ("42", (42, None)),
        ('{"pid": 42, "start_time": 7}', (42, 7)),
        ('{"pid": 42, "start_time": null}', (42, None)),
        ('{"pid": "42"}', None),
        ('{"pid": true}', None),
        ('{"pid": -1}', None),
        ("0", None),
        ("", None),
        ("forty-two", None),
        ("[42]", None),
        ("[" * 60_000, None),
        ("9" * 5000, None),
    ],
)
def test_a_pid_file_names_somebody_or_nobody(
    tmp_path: Path, text: str, named: tuple[int, int | None] | None
) -> None:
    """Both forms that are in use; nonsense is nobody."""
    path = tmp_path / "pid"
    path.write_text(text)

    assert read_pid_file(str(path)) == named


def test_a_pid_file_that_cannot_be_read_names_nobody(tmp_path: Path) -> None:
    """Missing, a folder, a pipe without a writer."""
    os.mkfifo(tmp_path / "pipe")

    assert read_pid_file(str(tmp_path / "missing")) is None
    assert read_pid_file(str(tmp_path)) is None
    assert read_pid_file(str(tmp_path / "pipe")) is None


def owner_of(tmp_path: Path, document: object) -> Owner:
    """Return an owner with a pid file that holds *document*."""
    path = tmp_path / "pid"
    path.write_text(json.dumps(document))
    return Owner(kind="pid_file", path=str(path))


def test_a_living_process_in_the_pid_file_holds_the_program_back(tmp_path: Path) -> None:
    """With its pid and the file, so that a person can look."""
    hold = foreign_owner(owner_of(tmp_path, os.getpid()))

    assert hold is not None
    assert hold.reason is Reason.FOREIGN_OWNER
    assert hold.message == f"owned by pid {os.getpid()} ({tmp_path / 'pid'})"


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """A stale file is what a crash leaves behind."""
    assert foreign_owner(owner_of(tmp_path, NOBODY)) is None


def test_a_recycled_pid_holds_nothing(tmp_path: Path) -> None:
    """The file tells when its process began, and this one began at another time."""
    began = host.hermes_start_time(os.getpid())
    assert began is not None
    same = {"pid": os.getpid(), "start_time": began}
    other = {"pid": os.getpid(), "start_time": began - 1}

    assert foreign_owner(owner_of(tmp_path, same)) is not None
    assert foreign_owner(owner_of(tmp_path, other)) is None


def test_a_held_lock_holds_the_program_back(tmp_path: Path) -> None:
    """While anybody holds it, and no longer."""
    path = tmp_path / "lock"
    owner = Owner(kind="lock_file", path=str(path))
    missing = foreign_owner(owner)
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = foreign_owner(owner)
    free = foreign_owner(owner)

    assert held is not None
    assert str(path) in held.message
    assert (missing, free) == (None, None)
