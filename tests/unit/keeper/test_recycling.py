"""A pid that was used again: law 12, against the real kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_supervise.keeper import witness

SCRIPT = Path(__file__).with_name("recycled.py")
ROUNDS = 30


def namespace_works() -> bool:
    """Whether a pid namespace can be made, and its next pid chosen."""
    probe = "test -w /proc/sys/kernel/ns_last_pid"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", probe]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not namespace_works(), reason="needs a pid namespace and ns_last_pid")
@pytest.mark.skipif(not witness.mark(os.getpid()), reason="needs /proc")
def test_who_has_the_number_of_a_dead_process_is_never_hit_nor_adopted() -> None:
    """
    In small pid namespaces a number comes back within the same tick of the clock.

    So (pid, start time) is no identity there: both agree, and it is another process.
    """
    with_inodes = witness.mark(os.getpid()) != witness.start_ticks(os.getpid())
    if not with_inodes:
        pytest.skip("this kernel has no inode for each pidfd; the start time is all there is")
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable]
    done = subprocess.run(
        [*command, "-I", str(SCRIPT), str(ROUNDS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)
    assert hits.pop("same ticks") > 0, "the numbers came back too late to prove anything"
    assert hits == {"send": 0, "pidfd": 0, "adopt": 0, "keeper": 0, "rounds": ROUNDS}
