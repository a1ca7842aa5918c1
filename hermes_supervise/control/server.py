"""
The control server: connections, lines, answers.

It knows nothing of programs; ``methods.py`` answers.  A client can cost us no more than its own
connection: what it sends is bounded, what it does not read is bounded, and nothing waits for it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from hermes_supervise.control import protocol
from hermes_supervise.control.peers import Peer, peer_of
from hermes_supervise.control.protocol import RpcError
from hermes_supervise.loop import READ, WRITE, Loop

MOST_CLIENTS = 256
"""Connections at a time; the next one is told so and closed."""

MOST_UNREAD = 8 << 20
"""Bytes that wait for a client that does not read; then it is dropped."""

CHUNK = 1 << 16

Answer = Callable[["Client", object, str, dict[str, object]], None]
"""Answers one request: (client, id, method, params); raises RpcError to answer with an error."""


class Client:
    """One connection."""

    def __init__(self, server: Server, sock: socket.socket, peer: Peer) -> None:
        self._server = server
        self._sock = sock
        self.peer = peer
        self.open = True
        self.left: list[Callable[[], None]] = []
        """What to do when the client is gone."""
        self._in = bytearray()
        self._out = bytearray()

    def put(self, line: bytes) -> None:
        """Send a line, now as far as the client takes it."""
        if not self.open:
            return
        if len(self._out) + len(line) > MOST_UNREAD:
            self.close()
            return
        self._out += line
        self._send()

    def _send(self) -> None:
        try:
            while self._out:
                sent = self._sock.send(self._out)
                del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._server.loop.change(self._sock.fileno(), READ | (WRITE if self._out else 0))

    def ready(self, events: int) -> None:
        """The connection has something, or takes something."""
        if events & WRITE and self.open:
            self._send()
        if events & READ and self.open:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._in += data
        while self.open:
            line, newline, rest = self._in.partition(b"\n")
            if not newline:
                break
            self._in = bytearray(rest)
            if len(line) >= protocol.REQUEST_LIMIT:
                self._too_long()
            elif line.strip():
                self._request(bytes(line))
        if len(self._in) >= protocol.REQUEST_LIMIT:
            self._too_long()

    def _too_long(self) -> None:
        problem = RpcError(protocol.INVALID_REQUEST, "a request has at most 1 MiB")
        self.put(protocol.error(None, problem))
        self.close()

    def _request(self, line: bytes) -> None:
        ident: object = None
        try:
            ident, method, params = protocol.parse(line)
            self._server.answer(self, ident, method, params)
        except RpcError as problem:
            if ident is None and isinstance(problem.data, dict):
                ident = problem.data.pop("id", None)
                problem.data = problem.data or None
            self.put(protocol.error(ident, problem))

    def close(self) -> None:
        """End the connection and everything that was done for it."""
        if not self.open:
            return
        self.open = False
        self._server.forget(self)
        self._server.loop.forget(self._sock.fileno())
        self._sock.close()
        for call in self.left:
            call()


class Server:
    """Accepts connections on a listening socket."""

    def __init__(self, loop: Loop, listener: socket.socket, answer: Answer) -> None:
        self.loop = loop
        self.answer = answer
        self._listener = listener
        self._clients: set[Client] = set()
        listener.setblocking(False)
        loop.watch(listener.fileno(), self._accept)

    def _accept(self, _events: int) -> None:
        for _ in range(16):
            try:
                sock, _address = self._listener.accept()
            except OSError:  # nobody there any more, or no descriptor left: the next round
                return
            sock.setblocking(False)
            peer = peer_of(sock)
            if peer is None or len(self._clients) >= MOST_CLIENTS:
                text = "too many connections" if peer else "cannot tell who you are"
                with contextlib.suppress(OSError):
                    sock.send(protocol.error(None, RpcError(protocol.REFUSED, text)))
                sock.close()
                continue
            client = Client(self, sock, peer)
            self._clients.add(client)
            self.loop.watch(sock.fileno(), client.ready)

    def forget(self, client: Client) -> None:
        """A client is gone."""
        self._clients.discard(client)

    def close(self) -> None:
        """Hang up on everybody; the listening socket itself may live on in the keeper."""
        for client in list(self._clients):
            client.close()
        self.loop.forget(self._listener.fileno())
        self._listener.close()
