"""
A small gateway that knows how to be stopped: the bundled example.

It answers lines on a loopback port and keeps some simulated sessions open.  When its planned-stop
marker appears it takes no new session, waits for the open ones and exits 0.  A SIGTERM asks for
the same when a marker stands behind it; a SIGTERM without one is an accident, so the gateway
drops what it holds and exits 1.  Ctrl-C drains; a second Ctrl-C drops.

    python -m hermes_supervise.examples.gateway --name chat --port 0 --sessions 3

Standard library only, and nothing of the supervisor: a program needs no import to be supervised.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

MARKER_TTL = 60.0
"""Seconds after which a marker that names us is no longer believed."""

MARKER_GRACE = 0.05
"""Seconds that a SIGTERM waits for its marker: the two may arrive in either order."""

POLL_INTERVAL = 0.5
"""Seconds between two looks for the marker where the system has no inotify."""

INOTIFY_FLAGS = 0o2000000 | 0o4000  # IN_CLOEXEC | IN_NONBLOCK, linux/inotify.h
INOTIFY_EVENTS = 0x100 | 0x80 | 0x8  # IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE


class Marker:
    """
    The planned-stop marker of this process: a file that a supervisor writes before it signals.

    Two forms are understood.  One line of JSON names its target by ``target_pid`` and, unless
    null, ``target_start_time``, and is fresh for a minute after ``written_at``.  An empty file
    names nobody, so it counts when it is younger than this process.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._start_time, self._started_at = _own_start()

    def consume(self) -> bool:
        """
        Return whether a marker for this process was there; it is removed, so only once True.

        Removing it is the answer to the supervisor: the request was seen.  A marker for another
        process, or one that cannot be read, is left where it is.
        """
        try:
            with open(self.path, "rb") as file:
                content = file.read(4096)
                written_at = os.fstat(file.fileno()).st_mtime
        except OSError:
            return False
        wanted = self._names_us(content) if content else written_at > self._started_at
        if wanted:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        return wanted

    def _names_us(self, content: bytes) -> bool:
        try:
            record = json.loads(content)
            written_at = datetime.fromisoformat(record["written_at"])
            age = (datetime.now(UTC) - written_at).total_seconds()
            start_time = record.get("target_start_time")
            same = start_time is None or self._start_time in (None, int(start_time))
            return same and int(record["target_pid"]) == os.getpid() and age < MARKER_TTL
        except (ValueError, TypeError, KeyError, AttributeError):  # not a marker that we know
            return False


def _own_start() -> tuple[int | None, float]:
    """Return our start time as markers name it (clock ticks, or None), and as a Unix time."""
    now = datetime.now(UTC).timestamp()
    try:
        with open("/proc/self/stat") as file:
            stat = file.read()
    except OSError:
        return None, now
    # Field 22.  Markers carry what a plain split finds, even where the name holds a space.
    ticks = int(stat.rpartition(")")[2].split()[19])
    boottime = time.CLOCK_BOOTTIME  # type: ignore[attr-defined, unused-ignore]  # Linux
    age = time.clock_gettime(boottime) - ticks / os.sysconf("SC_CLK_TCK")
    return int(stat.split()[21]), now - age


@contextlib.contextmanager
def watched(directory: str, on_change: Callable[[], None]) -> Iterator[None]:
    """Call *on_change* whenever a file appears in *directory*, for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    fd = _inotify(directory)
    if fd is None:
        poll = loop.create_task(_every(POLL_INTERVAL, on_change))
        try:
            yield
        finally:
            poll.cancel()
        return

    def changed() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 65536)  # what happened does not matter: the caller looks again
        on_change()

    loop.add_reader(fd, changed)
    try:
        yield
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _inotify(directory: str) -> int | None:
    """Return a descriptor that becomes readable on a new file, or None where there is none."""
    try:
        import ctypes  # noqa: PLC0415  # not every Python has it

        libc = ctypes.CDLL(None, use_errno=True)
        fd = int(libc.inotify_init1(INOTIFY_FLAGS))
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(directory), INOTIFY_EVENTS) < 0:
        os.close(fd)
        return None
    return fd


async def _every(seconds: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        do()


class Gateway:
    """A listener on loopback, some simulated sessions, and one question: who asked us to stop?"""

    def __init__(self, options: argparse.Namespace, marker: Marker | None) -> None:
        self._options = options
        self._marker = marker
        self._random = random.Random(options.seed)  # noqa: S311  # lengths of sessions, no secrets
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.StreamWriter | None] = {}
        self._dropping = False

    async def run(self) -> int:
        """Serve until asked to stop.  Returns the exit code: 0 planned, 1 by accident."""
        self._loop = asyncio.get_running_loop()
        self._planned: asyncio.Future[bool] = self._loop.create_future()
        self._dropped: asyncio.Future[None] = self._loop.create_future()
        self._session_closed = asyncio.Event()
        for signum, react in ((signal.SIGTERM, self._on_sigterm), (signal.SIGINT, self._on_sigint)):
            signal.signal(signum, lambda *_, do=react: self._loop.call_soon_threadsafe(do))
        try:
            server = await asyncio.start_server(self._chat, "127.0.0.1", self._options.port)
        except OSError as problem:
            self._say(f"cannot listen on 127.0.0.1:{self._options.port}: {problem.strerror}")
            return 1
        port = server.sockets[0].getsockname()[1]
        self._say(f"started, pid {os.getpid()}, listening on 127.0.0.1:{port}")
        simulated = [
            self._loop.create_task(self._simulate()) for _ in range(self._options.sessions)
        ]
        with contextlib.ExitStack() as watch:
            if self._marker is not None:
                folder = os.path.dirname(self._marker.path)
                watch.enter_context(watched(folder, self._look_for_marker))
                self._look_for_marker()  # it may have been written before we watched
            planned = await self._planned
        server.close()
        if planned:
            await self._drain()
        self._dropping = True
        left = len(self._open)
        for task in simulated:
            task.cancel()
        if planned and not left:
            self._say("stopped")
            return 0
        self._say(f"stopped in a hurry, {_count(left)} dropped")
        return 1

    async def _drain(self) -> None:
        """Wait until every open session has ended, or Ctrl-C says that nobody wants to wait."""
        for writer in self._open.values():
            if writer is not None:
                writer.write(f"{self._options.name} is about to stop, please finish\n".encode())
        while self._open and not self._dropped.done():
            self._say(f"drain: {_count(len(self._open))} left")
            self._session_closed.clear()
            closed = self._loop.create_task(self._session_closed.wait())
            await asyncio.wait((closed, self._dropped), return_when=asyncio.FIRST_COMPLETED)
            closed.cancel()

    # Who asked?  The first answer holds: the second of marker and signal finds it decided.

    def _look_for_marker(self) -> None:
        if self._marker is not None and not self._planned.done() and self._marker.consume():
            self._decide(True, "planned stop: the marker names us")

    def _on_sigterm(self) -> None:
        if self._planned.done():
            return  # the signal that belongs to the marker we have seen, or one more of them
        if self._marker is None:
            self._decide(True, "planned stop: SIGTERM (there is no marker to look for)")
            return
        self._look_for_marker()
        self._loop.call_later(MARKER_GRACE, self._give_up_on_marker)

    def _give_up_on_marker(self) -> None:
        self._look_for_marker()
        if not self._planned.done():
            self._decide(False, "SIGTERM without a marker: nobody planned this")

    def _on_sigint(self) -> None:
        if not self._planned.done():
            self._decide(True, "planned stop: Ctrl-C")
        elif not self._dropped.done():
            self._dropped.set_result(None)

    def _decide(self, planned: bool, why: str) -> None:
        self._say(why)
        self._planned.set_result(planned)

    # Sessions: real ones come over the port, simulated ones just take their time.

    @contextlib.contextmanager
    def _session(self, writer: asyncio.StreamWriter | None = None) -> Iterator[None]:
        number = next(self._numbers)
        self._open[number] = writer
        self._say(f"session {number} opened")
        try:
            yield
        finally:
            del self._open[number]
            self._session_closed.set()
            if not self._dropping:
                self._say(f"session {number} closed")

    async def _simulate(self) -> None:
        length = self._options.session_seconds
        while not self._planned.done():
            with self._session():
                await asyncio.sleep(length * self._random.uniform(0.2, 1.8))
            await asyncio.sleep(length * self._random.uniform(0.0, 0.2))

    async def _chat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that vanishes or sends a line without end loses its session, nothing more.
        with contextlib.suppress(OSError, ValueError), contextlib.closing(writer):
            if self._planned.done():
                return  # it was in the queue when we closed the door
            with self._session(writer):
                while line := await reader.readline():
                    writer.write(self._options.name.encode() + b" heard: " + line)
                    await writer.drain()

    def _say(self, what: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(stamp, f"{self._options.name}: {what}", flush=True)


def _count(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions} sessions"


def main() -> int:
    """Read the command line and the environment, run the gateway, return its exit code."""
    parser = argparse.ArgumentParser(prog="gateway", description="an example gateway that drains")
    parser.add_argument("--name", default="gateway", help="what it calls itself in its log")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--sessions", type=int, default=3, help="simulated sessions kept open")
    parser.add_argument("--session-seconds", type=float, default=5.0, help="their mean length")
    parser.add_argument("--seed", type=int, default=None, help="makes their lengths repeatable")
    path = os.environ.get("HERMES_SUPERVISE_MARKER")
    return asyncio.run(Gateway(parser.parse_args(), Marker(path) if path else None).run())


if __name__ == "__main__":
    sys.exit(main())
