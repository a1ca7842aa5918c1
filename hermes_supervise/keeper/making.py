"""
Making a process: by vfork where that is enough, by fork where the child has to move first.

``posix_spawn`` cannot change directory, umask, limits or cgroup, but the child inherits them: the
keeper has one thread, so it changes its own for the moment of the call.  (The cgroup is a fresh one
of this run alone, which nobody kills before the run is known; ADR 0005.)  Another user must be
entered by the child itself, before its exec, and without a shell in between: for that the keeper
forks, which is cheap because the keeper is small.  A single program is cloned into its cgroup, for
the reason that ``cloning`` gives.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal

from hermes_supervise.keeper import cloning

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
"""The signals that the keeper's loop listens to; to block all sixty costs as much as a fork."""

ALL_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class Order:
    """What a spawn request says; every path is absolute.  The fields stand in the wire's order."""

    __slots__ = (  # noqa: RUF023  # not sorted: the order of the wire
        "run_id",
        "number",
        "executable",
        "argv",
        "inherits",
        "environment",
        "directory",
        "umask",
        "user",
        "stdout",
        "stderr",
        "cgroup",
    )

    # Not a dataclass: importing those would make the keeper a third larger.
    run_id: str
    number: int
    executable: str
    argv: list[str]
    inherits: str
    environment: dict[str, str]
    directory: str
    umask: int | None
    user: tuple[int, int, tuple[int, ...]] | None
    stdout: str | None
    stderr: str | None
    cgroup: str | None

    def __init__(self, fields: tuple[object, ...]) -> None:
        for name, value in zip(self.__slots__, fields, strict=True):
            setattr(self, name, value)


class CannotMake(Exception):  # noqa: N818  # it reads as what happened
    """No process came to be.  ``step`` says at what it failed, ``code`` is the errno."""

    def __init__(self, step: str, code: int) -> None:
        super().__init__(step, code)
        self.step = step
        self.code = code


class Maker:
    """Spawns programs; holds what all of them get."""

    def __init__(self, nofile: tuple[int, int]) -> None:
        self.nofile = nofile
        """The descriptor limit (soft, hard) that programs get: the one we were started with."""
        self.raised = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.umask = os.umask(0o077)
        self.inherited: dict[str, dict[str, str]] = {}
        """What programs inherit, by name; the supervisor says it once."""
        self.ignored = [n for n in ALL_SIGNALS if signal.getsignal(n) is signal.SIG_IGN]
        self.cloner = cloning.Cloner()
        self.in_a_row = False
        """Many orders have come at once: moving in and out is cheaper then than cloning."""
        self.home = _home_cgroup()
        """How to leave a run's cgroup again; None where we could not: then we do not go in."""
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def make(self, order: Order) -> tuple[int, int | None]:
        """
        Make a process in a session of its own.

        Returns:
            Its pid, and the descriptor on which a forked child still has to report its exec (end
            of file: done; else ``step`` and errno), or None when the exec is already done.

        Raises:
            CannotMake: there is no process.
        """
        streams = self._streams(order)
        order.environment = self.inherited.get(order.inherits, {}) | order.environment
        try:
            if order.user is not None:
                return self._fork(order, streams)
            if order.cgroup is None:
                return self._spawn(order, streams), None
            if self.home is None or (self.cloner.usable and not self.in_a_row):
                return self._fork(order, streams)
            return self._spawn_inside(order, order.cgroup, streams), None
        finally:
            for fd in set(streams[1:]) - {1, 2}:
                os.close(fd)

    def _streams(self, order: Order) -> tuple[int, int, int]:
        out = 1 if order.stdout is None else _open_log(order.stdout, order.user is not None)
        if order.stderr is None:
            return self.null, out, 2 if order.stdout is None else out
        try:
            return self.null, out, _open_log(order.stderr, order.user is not None)
        except CannotMake:
            if out != 1:
                os.close(out)
            raise

    def _spawn_inside(self, order: Order, cgroup: str, streams: tuple[int, int, int]) -> int:
        """Spawn from inside the run's cgroup: the child is born there, and nothing can escape."""
        home = self.home
        if home is None:
            raise CannotMake("cgroup", errno.EACCES)
        try:
            _enter(cgroup)
        except OSError as problem:
            raise CannotMake("cgroup", problem.errno or 0) from None
        pid = 0
        try:
            pid = self._spawn(order, streams)
        finally:
            try:
                os.write(home, b"0")
            except OSError as problem:
                # We stay in there until the next spawn; nobody may kill it for a program's sake.
                if pid:
                    os.kill(pid, signal.SIGKILL)
                raise CannotMake("cgroup", problem.errno or 0) from None
        return pid

    def _spawn(self, order: Order, streams: tuple[int, int, int]) -> int:
        try:
            os.chdir(order.directory)
        except OSError as problem:
            raise CannotMake("directory", problem.errno or 0) from None
        os.umask(self.umask if order.umask is None else order.umask)
        lower = self.raised != self.nofile
        if lower:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile[0], self.raised[1]))
        try:
            return os.posix_spawn(
                order.executable,
                order.argv,
                order.environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(streams)],
                setsid=True,
                setsigmask=[],
                setsigdef=ALL_SIGNALS,
            )
        except OSError as problem:
            code = problem.errno or 0
            step = "fork" if code in (errno.EAGAIN, errno.ENOMEM) else "exec"
            raise CannotMake(step, code) from None
        finally:
            if lower:
                resource.setrlimit(resource.RLIMIT_NOFILE, self.raised)
            os.umask(0o077)
            os.chdir("/")

    def _fork(self, order: Order, streams: tuple[int, int, int]) -> tuple[int, int]:
        try:
            reader, writer = os.pipe()  # close-on-exec both
        except OSError as problem:
            raise CannotMake("fork", problem.errno or 0) from None
        # A signal that reached the child before its handlers are gone would wake our own loop.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid, inside = self._forked(order)
            if pid == 0:
                self._become(order, streams, writer, inside=inside)
        except OSError as problem:
            os.close(reader)
            raise CannotMake("fork", problem.errno or 0) from None
        finally:
            os.close(writer)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.set_blocking(reader, False)
        return pid, reader

    def _forked(self, order: Order) -> tuple[int, bool]:
        """Fork; return the pid, and whether the child is in its cgroup already."""
        if order.cgroup is not None and order.user is None and self.cloner.usable:
            try:
                return self.cloner.fork_into(order.cgroup), True
            except OSError:
                if self.cloner.usable:
                    raise
        return os.fork(), False

    def _become(
        self, order: Order, streams: tuple[int, int, int], report: int, *, inside: bool
    ) -> None:
        """Turn the forked child into the program; never returns."""
        step = "fork"
        try:
            signal.set_wakeup_fd(-1)
            for number in self.ignored:  # handlers go away with the exec, SIG_IGN does not
                signal.signal(number, signal.SIG_DFL)
            step = "cgroup"
            if order.cgroup is not None and not inside:
                _enter(order.cgroup)
            os.setsid()
            step = "fork"
            for at, fd in enumerate(streams):
                os.dup2(fd, at)
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile[0], self.raised[1]))
            step = "user"
            if order.user is not None:
                uid, gid, groups = order.user
                os.setgroups(groups)
                os.setgid(gid)
                os.setuid(uid)
            step = "directory"
            os.chdir(order.directory)
            os.umask(self.umask if order.umask is None else order.umask)
            step = "exec"
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execve(order.executable, order.argv, order.environment)
        except OSError as problem:
            os.write(report, f"{step} {problem.errno or 0}".encode())
        except ValueError:  # a NUL in a word or a variable
            os.write(report, f"{step} {errno.EINVAL}".encode())
        finally:
            os._exit(127)


def read_report(reader: int) -> CannotMake | None:
    """
    Read a forked child's report, and close it unless it has not come yet.

    Returns:
        Why it could not become the program, None when it did.

    Raises:
        BlockingIOError: the child has neither failed nor finished its exec yet.
    """
    words = os.read(reader, 64).decode().split()
    os.close(reader)
    return CannotMake(words[0], int(words[1])) if len(words) == 2 else None


def _open_log(path: str, guarded: bool) -> int:
    """
    Open a log for appending, private to its owner.

    A program that runs as another user may own the folder: then no link is followed, or the
    program could make us write anywhere.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
    try:
        # Not blocking: a pipe that nobody reads must not hold up the parent of all programs.
        fd = os.open(path, flags | os.O_NONBLOCK | (os.O_NOFOLLOW if guarded else 0), 0o600)
        os.set_blocking(fd, True)
    except OSError as problem:
        raise CannotMake("log", problem.errno or 0) from None
    return fd


def _home_cgroup() -> int | None:
    """Open the way back into our own cgroup, if writing there is allowed."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            own = [line[3:].rstrip("\n") for line in file if line.startswith("0::")]
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
        path = f"{mounts[0]}{own[0].rstrip('/')}/cgroup.procs"
        home = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except (OSError, IndexError):
        return None
    try:
        os.write(home, b"0")
    except OSError:
        os.close(home)
        return None
    return home


def _enter(cgroup: str) -> None:
    # os.write, because an error of a buffered write would only show when the file is closed.
    fd = os.open(cgroup + "/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"0")
    finally:
        os.close(fd)


def keep_only(kept: set[int]) -> None:
    """
    Close every descriptor from 3 up that is not in *kept*.

    Whoever started us may have left us some: the other end of a pipe waits for our death.
    """
    for name in os.listdir("/dev/fd"):
        fd = int(name)
        if fd < 3 or fd in kept:
            continue
        with contextlib.suppress(OSError):  # the descriptor of the listing itself
            os.close(fd)
