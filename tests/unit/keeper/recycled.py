"""
Run in a pid namespace of its own: has a pid used again, and tries to hit the new owner.

Prints one JSON object.  ``ns_last_pid`` says which number the next process gets.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))

from hermes_supervise.backends import kin  # noqa: E402
from hermes_supervise.backends.posix import _verified_pidfd  # noqa: E402
from hermes_supervise.keeper import witness  # noqa: E402
from hermes_supervise.keeper.children import Children, Run  # noqa: E402
from hermes_supervise.keeper.making import Maker  # noqa: E402
from hermes_supervise.keeper.wire import Message  # noqa: E402
from hermes_supervise.model.facts import Process  # noqa: E402


def sleeper() -> int:
    """Start something that stays."""
    return os.posix_spawn("/bin/sleep", ["sleep", "100"], {})


def end(pid: int) -> None:
    """End and reap a child."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def again(pid: int) -> int:
    """Start a process that gets this very number."""
    for _ in range(100):
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(pid - 1))
        other = sleeper()
        if other == pid:
            return other
        end(other)
    sys.exit("the number did not come again")


said: list[Message] = []
children = Children(Maker((256, 256)), select.poll(), said.append)
rounds = int(sys.argv[1])
hits: dict[str, int] = {
    "send": 0,
    "pidfd": 0,
    "adopt": 0,
    "keeper": 0,
    "same ticks": 0,
    "rounds": 0,
}
for _ in range(rounds):
    first = sleeper()
    mark = witness.mark(first)
    process = Process(pid=first, inode=mark, ticks=0)
    ticks = witness.start_ticks(first)
    held = Run(first, 1, child=False)
    children._identify(held)
    children.runs["held"] = held
    end(first)
    second = again(first)
    hits["same ticks"] += witness.start_ticks(second) == ticks
    hits["send"] += kin.send(first, mark, signal.SIGKILL)
    hits["pidfd"] += _verified_pidfd(process) is not None
    said.clear()
    children.adopt("adopted", first, mark, 0)
    hits["adopt"] += said != [("lost", "adopted")]
    hits["keeper"] += children.signal("held", signal.SIGKILL)
    children._forget("held")
    assert kin.is_living(second), "a stranger was hit"
    end(second)
    hits["rounds"] += 1
print(json.dumps(hits))
