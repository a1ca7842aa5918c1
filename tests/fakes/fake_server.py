"""
A control server that does what a test tells it: a real Unix socket, answered from a thread.

It speaks the protocol of ``hermes_supervise/control/protocol.py`` with the real parser, and it can
be rude: answer late, in pieces, with garbage, or hang up in the middle.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from hermes_supervise.control import protocol

Answer = Callable[["Caller", dict[str, Any]], None]


def supervisor_part(**changes: Any) -> dict[str, Any]:
    """Return the ``supervisor`` part of a status document."""
    return {
        "pid": 7,
        "keeper_pid": 6,
        "version": "0.1.0",
        "config": "/etc/gateways/supervisor.yaml",
        "state": "running",
        "started_at": "2026-01-01T00:00:00.000Z",
        "uptime_s": 273600.0,
        **changes,
    }


@dataclass(slots=True)
class Caller:
    """One request that is being answered."""

    plug: socket.socket
    ident: object
    method: str
    gone: threading.Event

    def send(self, line: bytes) -> None:
        """Send bytes as they are; a client that left is no error."""
        try:
            self.plug.sendall(line)
        except OSError:
            self.gone.set()

    def reply(self, result: dict[str, Any]) -> None:
        """Send a response."""
        self.send(protocol.response(self.ident, result))

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self.send(protocol.notification(method, params))

    def refuse(self, code: int, message: str, data: object = None) -> None:
        """Send an error."""
        self.send(protocol.error(self.ident, protocol.RpcError(code, message, data)))

    def hang_up(self) -> None:
        """Close the connection now."""
        self.plug.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than the client or the server stays."""
        self.gone.wait(seconds)


@dataclass(slots=True)
class FakeServer:
    """Answers by method; what is not in ``answers`` is answered from ``rows``."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    supervisor: dict[str, Any] = field(default_factory=supervisor_part)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    folder: str = ""
    _listener: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _plugs: list[socket.socket] = field(default_factory=list)
    _gone: list[threading.Event] = field(default_factory=list)
    _closed: bool = False

    @property
    def path(self) -> str:
        """The address of the socket."""
        return os.path.join(self.folder, "c.sock")

    def __enter__(self) -> Self:
        self.folder = self.folder or tempfile.mkdtemp(prefix="fs")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._spawn(self._accept, self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        for gone in self._gone:
            gone.set()
        assert self._listener is not None
        for plug in [self._listener, *self._plugs]:
            with contextlib.suppress(OSError):  # The other side was faster.
                plug.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for plug in [self._listener, *self._plugs]:
            plug.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
        os.rmdir(self.folder)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closed:
            try:
                plug, _ = listener.accept()
            except OSError:
                return
            self._plugs.append(plug)
            self._spawn(self._serve, plug)

    def _serve(self, plug: socket.socket) -> None:
        gone = threading.Event()
        self._gone.append(gone)
        for line in _lines(plug):
            try:
                ident, method, params = protocol.parse(line)
            except protocol.RpcError as problem:
                plug.sendall(protocol.error(None, problem))
                continue
            self.asked.append((method, params))
            caller = Caller(plug, ident, method, gone)
            answer = self.answers.get(method)
            if answer is not None:
                answer(caller, params)
            else:
                self._usual(caller, params)

    def _usual(self, caller: Caller, params: dict[str, Any]) -> None:
        match caller.method:
            case "status":
                self._status(caller)
            case "start" | "stop" | "restart":
                runs = {row["name"]: f"run-{row['name']}" for row in self.rows}
                caller.reply({"format": 1, "kind": caller.method, "programs": runs})
            case "follow":
                verdicts = []
                for name in params["programs"]:
                    row = next(row for row in self.rows if row["name"] == name)
                    verdict = {"verdict": "done", "note": ""}
                    caller.notify("progress", {"program": row, **verdict})
                    verdicts.append({"name": name, **verdict})
                caller.reply({"programs": verdicts})
            case _:
                caller.refuse(protocol.REFUSED, f"the test gave no answer to {caller.method}")

    def _status(self, caller: Caller) -> None:
        size = protocol.ROWS_PER_CHUNK
        chunks = [self.rows[i : i + size] for i in range(0, len(self.rows), size)] or [[]]
        for number, chunk in enumerate(chunks):
            caller.reply(
                {
                    "format": 1,
                    "supervisor": self.supervisor,
                    "programs": chunk,
                    "more": number < len(chunks) - 1,
                }
            )


def _lines(plug: socket.socket) -> Iterator[bytes]:
    tail = b""
    while True:
        try:
            piece = plug.recv(65536)
        except OSError:
            return
        if not piece:
            return
        *lines, tail = (tail + piece).split(b"\n")
        yield from lines


def row(name: str, **changes: Any) -> dict[str, Any]:
    """Return one program of a status document: running for an hour unless told otherwise."""
    return {
        "name": name,
        "phase": "running",
        "since": "2026-01-01T00:00:00.000Z",
        "reason": None,
        "desired": "up",
        "ready": None,
        "healthy": None,
        "pid": 4211,
        "started_at": "2026-01-01T00:00:00.000Z",
        "uptime_s": 3600.0,
        "restarts": 0,
        "adopted": False,
        "backend": "posix",
        "last_exit": None,
        "drain": None,
        "next_start_at": None,
        "log": f"/var/lib/hermes-supervise/logs/{name}.log",
        "message": "",
        **changes,
    }
