"""
Messages between keeper and supervisor over their socket pair.

A message is a tuple of plain values: four bytes of length, two bytes that say how many
descriptors travel with it, then the values by ``marshal`` in its oldest stable form.  marshal is
compiled into the interpreter, which keeps the keeper small; it must never read bytes of a
stranger, and the only peer here is our own process at the other end of an unnamed socket.
"""

from __future__ import annotations

import array
import marshal
import socket
from collections import deque

MARSHAL_FORM = 2
"""The marshal version: the same bytes in every CPython since 2.5."""

HEAD = 6
MOST_FDS = 200
"""Descriptors in one message; the kernel allows 253."""

CHUNK = 1 << 16

Message = tuple[object, ...]


class Wire:
    """One end of the socket pair: buffered both ways, never blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._in = bytearray()
        self._fds: deque[int] = deque()
        self._out: deque[tuple[bytes, tuple[int, ...]]] = deque()

    def put(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        """Queue a message; ``flush`` sends it."""
        body = marshal.dumps(message, MARSHAL_FORM)  # type: ignore[arg-type]  # plain values only
        frame = len(body).to_bytes(4, "little") + len(fds).to_bytes(2, "little") + body
        if not fds and self._out and not self._out[-1][1] and len(self._out[-1][0]) < CHUNK:
            self._out[-1] = (self._out[-1][0] + frame, ())
        else:
            self._out.append((frame, fds))

    @property
    def backlog(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def discard(self) -> None:
        """Forget what waits to be sent: nobody will read it."""
        self._out.clear()

    def flush(self) -> bool:
        """
        Send what the socket takes.

        Returns:
            True when all is sent.

        Raises:
            OSError: the other end is gone.
        """
        while self._out:
            data, fds = self._out[0]
            try:
                if fds:
                    rights = array.array("i", fds).tobytes()
                    sent = self.sock.sendmsg(
                        [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
                    )
                else:
                    sent = self.sock.send(data)
            except BlockingIOError:
                return False
            if sent < len(data):
                self._out[0] = (data[sent:], ())
            else:
                self._out.popleft()
        return True

    def receive(self) -> list[tuple[Message, tuple[int, ...]]]:
        """
        Read what is there.

        Returns:
            The complete messages, each with the descriptors that came with it.

        Raises:
            EOFError: the other end is gone and everything it sent has been returned before.
            OSError: the socket failed.
        """
        try:
            data, ancillary, _, _ = self.sock.recvmsg(CHUNK, socket.CMSG_SPACE(4 * 256))
        except BlockingIOError:
            return []
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                for fd in fds:
                    _set_cloexec(fd)
                self._fds.extend(fds)
        if not data:
            raise EOFError
        self._in += data
        return self._take()

    def _take(self) -> list[tuple[Message, tuple[int, ...]]]:
        messages: list[tuple[Message, tuple[int, ...]]] = []
        buffer, start = self._in, 0
        while len(buffer) - start >= HEAD:
            length = int.from_bytes(buffer[start : start + 4], "little")
            count = int.from_bytes(buffer[start + 4 : start + HEAD], "little")
            end = start + HEAD + length
            if len(buffer) < end:
                break
            # Fewer where our table of descriptors was full when they arrived.
            fds = tuple(self._fds.popleft() for _ in range(min(count, len(self._fds))))
            messages.append((marshal.loads(bytes(buffer[start + HEAD : end])), fds))  # noqa: S302
            start = end
        if start:
            del buffer[:start]
        return messages


def _set_cloexec(fd: int) -> None:
    import os  # noqa: PLC0415  # only where a descriptor really arrives

    os.set_inheritable(fd, False)
