"""Cgroups, where they may be made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_supervise.backends import cgroups
from tests.unit.keeper.lone import wait_for


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    """The folder of a supervisor's cgroups."""
    found = cgroups.find_root(str(tmp_path))
    if found is None:
        pytest.skip("no cgroup may be made here")
    yield found
    cgroups.kill(found)
    assert wait_for(lambda: cgroups.remove_if_empty(found))


def join(group: str) -> subprocess.Popen[bytes]:
    """Start a process inside a group."""
    command = ["/bin/sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec sleep 100', group]
    process = subprocess.Popen(command)
    assert wait_for(lambda: process.pid in cgroups.members(group))
    return process


def test_a_group_is_removed_only_when_nothing_lives_in_it(root: str) -> None:
    """With the groups that a program made inside its own."""
    group = cgroups.make(root, "run")
    assert group is not None
    inner = cgroups.make(group, "inner")
    assert inner is not None
    process = join(inner)

    assert process.pid in cgroups.members(group)
    assert not cgroups.remove_if_empty(group)
    assert cgroups.kill(group)
    process.wait()
    assert wait_for(lambda: cgroups.remove_if_empty(group))
    assert not os.path.exists(group)
    assert cgroups.remove_if_empty(group), "gone is empty"


def test_a_new_supervisor_sweeps_what_is_empty_and_leaves_what_lives(
    root: str, tmp_path: Path
) -> None:
    """A killed one cannot tidy up; and the programs live on in theirs."""
    empty, full = cgroups.make(root, "empty"), cgroups.make(root, "full")
    assert empty is not None
    assert full is not None
    process = join(full)

    assert cgroups.find_root(str(tmp_path)) == root
    assert not os.path.exists(empty)
    assert os.path.exists(full)
    cgroups.kill(full)
    process.wait()


def test_killing_a_group_that_is_gone_says_so(root: str) -> None:
    """Then whoever is left has to be found in another way."""
    assert not cgroups.kill(f"{root}/never")
    assert cgroups.members(f"{root}/never") == []
