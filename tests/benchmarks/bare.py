"""
The floor: posix_spawn, pidfd and epoll in one process, and not one thought more.

Usage: bare.py SUBJECT RECORD MODE COUNT.  What ends is started again at once; SIGTERM is passed
on to all, and when the last one is gone this ends too.  Nothing is recorded, checked, logged or
answered: this is what a supervisor's figures are divided by.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys


def main() -> None:
    """Run the loop until SIGTERM."""
    subject, record, mode, count = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    wake, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGTERM, lambda *_: None)
    poll = select.epoll()
    poll.register(wake, select.EPOLLIN)
    children: dict[int, tuple[int, str]] = {}

    def spawn(number: str) -> None:
        pid = os.posix_spawn(
            subject,
            [subject, record, mode, number],
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigdef=(signal.SIGPIPE, signal.SIGTERM),
        )
        fd = os.pidfd_open(pid)
        poll.register(fd, select.EPOLLIN)
        children[fd] = (pid, number)

    for index in range(int(count)):
        spawn(str(index))
    stopping = False
    while children:
        for fd, _ in poll.poll():
            if fd == wake:
                os.read(wake, 64)
                stopping = True
                for child in children:
                    signal.pidfd_send_signal(child, signal.SIGTERM)
                continue
            pid, number = children.pop(fd)
            poll.unregister(fd)  # before the close: the child may still hold a copy
            os.close(fd)
            os.waitpid(pid, 0)
            if not stopping:
                spawn(number)


main()
