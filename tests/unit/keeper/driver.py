"""
A real keeper whose supervisors are the test: ``python -I -S driver.py OPTIONS``.

OPTIONS is JSON: ``sockets`` are the descriptors of our ends, one for each supervisor in turn; the
rest shortens times or takes facilities away.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import socket
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))

OPTIONS = json.loads(sys.argv[1])

if OPTIONS.get("pidfd") == "missing":
    del os.pidfd_open
elif OPTIONS.get("pidfd") == "refused":

    def refused(pid: int, flags: int = 0) -> int:
        """Answer as an old kernel or a strict container does."""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    os.pidfd_open = refused

from hermes_supervise.backends import host  # noqa: E402
from hermes_supervise.keeper import making, process, surroundings  # noqa: E402
from hermes_supervise.keeper.wire import Wire  # noqa: E402


class Lone(process.Keeper):
    """Greets the next socket instead of starting a supervisor."""

    def _start_supervisor(self, now: float) -> None:
        self.started_at, self.start_at = now, None
        if OPTIONS.get("mute"):
            self.supervisor = os.posix_spawn("/bin/sleep", ["sleep", "100"], {}, setsid=True)
        if not sockets:
            return
        ours = socket.socket(fileno=sockets.pop(0))
        self.wire = Wire(ours)
        self.poll.register(ours, select.POLLIN)
        self._hello()

    def _hang_up(self) -> None:
        super()._hang_up()
        self.start_at = 0.0 if sockets else None


sockets: list[int] = OPTIONS["sockets"]
process.ANSWER_TIMEOUT = OPTIONS.get("answer_timeout", process.ANSWER_TIMEOUT)
process.ADOPTED_INTERVAL = 0.05
host.become_subreaper()
nofile = surroundings.raised_limit()
making.keep_only(set(sockets))
if "become" in OPTIONS:
    os.setgroups([])
    os.setgid(OPTIONS["become"])
    os.setuid(OPTIONS["become"])
    resource.setrlimit(resource.RLIMIT_NPROC, (OPTIONS["processes"], OPTIONS["processes"]))
for fd in sockets:
    os.set_inheritable(fd, False)
os.chdir("/")
keeper = Lone({"plan_fd": -1}, nofile)
if OPTIONS.get("outside"):
    keeper.children.maker.home = None  # where writing into our own cgroup is not allowed
sys.exit(keeper.run())
