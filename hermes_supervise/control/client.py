"""
The asking side of the control socket: blocking, with a deadline on every wait.

A reply that comes in chunks is handed over whole or not at all.  Of the standard library only
``_socket``, ``json`` and ``select`` are used, for every ``ctl`` pays for these imports.  Nothing
here prints, and nothing here knows what a program is.
"""

from __future__ import annotations

import _socket  # what `socket` wraps: the wrapping costs every ctl 4 ms and gives us nothing
import errno
import json
import select
from collections import deque
from time import monotonic  # noqa: TID251 - a deadline of the client is no time of the supervisor

from hermes_supervise.control import protocol
from hermes_supervise.model.errors import (
    BadReply,
    ConnectionLost,
    NotRunning,
    RemoteError,
    TimedOut,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Any, Self

CALL_TIMEOUT = 30.0
"""Seconds that a quick call waits for its answer; a supervisor may be replaced meanwhile."""

REPLY_LIMIT = 64 << 20
"""Longest line in bytes that is still taken for a reply."""

REPEATABLE = frozenset({"status", "start", "stop", "follow", "watch", "reload", "events", "logs"})
"""Methods that may be asked again when the connection broke before the answer came."""

_RETURN_WAIT = 5.0
_PAUSE = 0.05
_READ_SIZE = 1 << 18


def call(
    address: str,
    method: str,
    params: dict[str, object] | None = None,
    *,
    timeout: float = CALL_TIMEOUT,
) -> dict[str, Any]:
    """
    Return the whole result of one method, on a connection of its own.

    A connection that breaks before the answer is made again, so that a call outlives the
    replacement of the supervisor; methods that must not be taken twice are not repeated.

    Args:
        address: Path of the control socket.
        method: A key of ``protocol.METHODS``.
        params: Its parameters.
        timeout: Seconds until the whole answer must be here.

    Raises:
        NotRunning: Nobody listens.
        TimedOut: Somebody listens, but did not answer in time.
        ConnectionLost: The connection broke and the method may have been taken.
        RemoteError: The supervisor said no.
        BadReply: What came back is no reply.
    """
    deadline = monotonic() + timeout
    again = links(address, timeout)
    while True:
        link = next(again)
        try:
            return link.call(method, params, max(0.001, deadline - monotonic()))
        except ConnectionLost:
            if method not in REPEATABLE or monotonic() >= deadline:
                raise
        finally:
            link.close()


def links(address: str, timeout: float = CALL_TIMEOUT) -> Iterator[Link]:
    """
    Yield a connection, and another one each time that the caller lost the last.

    Raises:
        NotRunning, TimedOut: As for ``connect`` and ``reconnect``.
        ConnectionLost: For *timeout* seconds every connection ended before it said a word.
    """
    silent_since = monotonic()
    link = connect(address, timeout)
    while True:
        with link:
            yield link
        if link.heard:
            silent_since = monotonic()
        elif monotonic() - silent_since > timeout:
            raise ConnectionLost(f"{address}: every connection ends before an answer")
        pause(_PAUSE)
        link = reconnect(address, timeout)


def connect(address: str, timeout: float = CALL_TIMEOUT) -> Link:
    """
    Return an open connection to the supervisor.

    Raises:
        NotRunning: Nobody listens at *address*, or we may not connect.
        TimedOut: The queue of the listener stayed full for *timeout* seconds.
    """
    deadline = monotonic() + timeout
    while True:
        plug = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        plug.settimeout(max(0.001, deadline - monotonic()))
        try:
            plug.connect(address)
        except (BlockingIOError, TimeoutError):
            # A full queue answers EAGAIN at once on a Unix socket, whatever the time limit says.
            plug.close()
            if monotonic() >= deadline:
                message = f"{address}: the supervisor takes no call for {timeout:.3g} s"
                raise TimedOut(message) from None
            pause(_PAUSE)
        except OSError as problem:
            plug.close()
            raise NotRunning(f"{address}: {_why(problem)}") from None
        else:
            return Link(plug, address)


def reconnect(address: str, timeout: float) -> Link:
    """
    Return a new connection after one that broke: a supervisor that comes back is waited for.

    Raises:
        NotRunning: Nobody listens for 5 s, or for *timeout* seconds if that is less.
        TimedOut: As for ``connect``.
    """
    deadline = monotonic() + min(timeout, _RETURN_WAIT)
    while True:
        try:
            return connect(address, max(0.001, timeout))
        except NotRunning:
            if monotonic() >= deadline:
                raise
        pause(_PAUSE)


def pause(seconds: float) -> None:
    """Wait for *seconds*."""
    select.select([], [], [], seconds)


class Link:
    """One connection.  Requests go out by ``send``; what comes back is taken by ``next``."""

    def __init__(self, plug: _socket.socket, address: str) -> None:
        self._plug = plug
        self._address = address
        self._tail = bytearray()
        self._lines: deque[bytes] = deque()
        self._whole: dict[object, dict[str, Any]] = {}
        self._ident = 0
        self.heard = False
        """Whether anything ever came back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; what was asked durably stays asked."""
        self._plug.close()

    def call(
        self, method: str, params: dict[str, object] | None = None, timeout: float = CALL_TIMEOUT
    ) -> dict[str, Any]:
        """Return the whole result of one method; raises as the function ``call`` does."""
        deadline = monotonic() + timeout
        self.send(method, params, timeout)
        while True:
            left = deadline - monotonic()
            message = self.next(left) if left > 0 else None
            if message is None:
                if monotonic() < deadline:
                    continue
                text = f"{self._address}: no answer to {method} within {timeout:.3g} s"
                raise TimedOut(text)
            if message[0] == "":
                return message[1]

    def send(
        self,
        method: str,
        params: dict[str, object] | None = None,
        timeout: float = CALL_TIMEOUT,
    ) -> None:
        """
        Send a request and do not wait for its answer.

        Raises:
            RemoteError: The request is longer than the protocol allows; nothing was sent.
            ConnectionLost, TimedOut: It could not be sent.
        """
        self._ident += 1
        line = protocol.request(self._ident, method, params or {})
        if len(line) > protocol.REQUEST_LIMIT:
            message = f"the request has {len(line)} bytes, at most {protocol.REQUEST_LIMIT} fit"
            raise RemoteError(protocol.INVALID_REQUEST, message, None)
        self._plug.settimeout(max(0.001, timeout))
        try:
            self._plug.sendall(line)
        except TimeoutError:
            message = f"{self._address}: the supervisor reads nothing for {timeout:.3g} s"
            raise TimedOut(message) from None
        except OSError as problem:
            raise ConnectionLost(f"{self._address}: {_why(problem)}") from None

    def next(
        self, timeout: float | None, also: Sequence[int] = ()
    ) -> tuple[str, dict[str, Any]] | None:
        """
        Return the next thing that the supervisor says.

        Args:
            timeout: Seconds to wait; None waits for ever.
            also: Descriptors whose readiness ends the waiting as well.

        Returns:
            ``(method, params)`` of a notification, ``("", result)`` of a complete response, or
            None when the time is over or one of *also* can be read.

        Raises:
            RemoteError: The response is an error.
            ConnectionLost: The connection ended.
            BadReply: What came is no message of the protocol.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            while self._lines:
                message = self._understood(self._lines.popleft())
                if message is not None:
                    return message
            left = None if deadline is None else max(0.0, deadline - monotonic())
            ready, _, _ = select.select([self._plug.fileno(), *also], [], [], left)
            if self._plug.fileno() not in ready:
                return None
            self._read()

    def _read(self) -> None:
        try:
            piece = self._plug.recv(_READ_SIZE)
        except OSError as problem:
            raise ConnectionLost(f"{self._address}: {_why(problem)}") from None
        if not piece:
            raise ConnectionLost(f"{self._address}: the connection ended before the answer")
        self.heard = True
        head, newline, rest = piece.rpartition(b"\n")
        if newline:
            self._lines.extend(bytes(self._tail + head).split(b"\n"))
            self._tail = bytearray(rest)
        else:
            self._tail += piece
        if len(self._tail) > REPLY_LIMIT:
            raise BadReply(f"{self._address}: a line of more than {REPLY_LIMIT} bytes")

    def _understood(self, line: bytes) -> tuple[str, dict[str, Any]] | None:
        """Return a message, or None for a chunk that more chunks follow."""
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("jsonrpc") != "2.0":
            raise BadReply(f"{self._address}: this is no supervisor: it said {line[:60]!r}")
        if "method" in document:
            params = document.get("params")
            return str(document["method"]), params if isinstance(params, dict) else {}
        if "error" in document:
            raise _refusal(document["error"])
        result = document.get("result")
        if not isinstance(result, dict):
            raise BadReply(f"{self._address}: an answer without a result: {line[:60]!r}")
        ident = document.get("id")
        whole = self._whole.setdefault(ident, {})
        _merge(whole, result)
        if whole.pop("more", False):
            return None
        return "", self._whole.pop(ident)


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        known = whole.get(key)
        if isinstance(known, list) and isinstance(value, list):
            known.extend(value)
        elif isinstance(known, dict) and isinstance(value, dict):
            known.update(value)
        else:
            whole[key] = value


def _refusal(body: object) -> RemoteError:
    if not isinstance(body, dict):
        return RemoteError(protocol.INVALID_REQUEST, str(body), None)
    code = body.get("code")
    return RemoteError(
        code if isinstance(code, int) else protocol.INVALID_REQUEST,
        str(body.get("message", "refused")),
        body.get("data"),
    )


def _why(problem: OSError) -> str:
    match problem.errno:
        case errno.ENOENT:
            return "no such socket"
        case errno.ECONNREFUSED:
            return "nobody listens (left behind by a supervisor that is gone)"
        case errno.EACCES | errno.EPERM:
            return "permission denied (it belongs to another user)"
        case _:
            return (problem.strerror or str(problem)).lower()
