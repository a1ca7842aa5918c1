"""
The control server: connections, lines, answers.

It knows nothing of programs; ``methods.py`` answers.  A client can cost us no more than its own
connection: what it sends is bounded, what it does not read is bounded, and nothing waits for it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable

from hermes_supervise import clock
from hermes_supervise.control import protocol
from hermes_supervise.control.peers import Peer, peer_of
from hermes_supervise.control.protocol import RpcError
from hermes_supervise.loop import READ, WRITE, Loop

MOST_CLIENTS = 256
"""Connections at a time; for the next one the longest idle one is closed."""

MOST_STRANGERS = 32
"""Connections of those who may not do everything: they cannot crowd out an operator."""

MOST_UNREAD = 16 << 20
"""Bytes that wait for a client that does not read; then it is dropped."""

CHUNK = 1 << 16

PAUSE = 0.2
"""Seconds without accepting after the system had no descriptor for a connection."""

Answer = Callable[["Client", object, str, dict[str, object]], None]
"""Answers one request: (client, id, method, params); raises RpcError to answer with an error."""


class Client:
    """One connection."""

    def __init__(self, server: Server, sock: socket.socket, peer: Peer, *, trusted: bool) -> None:
        self._server = server
        self._sock = sock
        self.peer = peer
        self.trusted = trusted
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
        self._server.heard_from(self)
        self._in += data
        *lines, rest = self._in.split(b"\n") if b"\n" in data else [self._in]
        self._in = rest
        for line in lines:
            if not self.open:
                return
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
        except Exception as problem:  # a mistake of ours must not end everybody's supervisor
            where = problem.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            place = "" if where is None else f" ({where.tb_frame.f_code.co_name})"
            self._server.fault(f"a request was not answered: {problem!r}{place}")
            text = "this could not be answered; the supervisor's own log says why"
            self.put(protocol.error(ident, RpcError(protocol.INTERNAL_ERROR, text)))

    def idle(self) -> bool:
        """Whether nothing is being done for it."""
        return not self.left and not self._out

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

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        answer: Answer,
        trusted: Callable[[Peer], bool],
        fault: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.answer = answer
        self.fault = fault
        self._trusted = trusted
        self._listener = listener
        self._clients: dict[Client, None] = {}
        """In the order in which they last said something."""
        listener.setblocking(False)
        self._listen()

    def _listen(self) -> None:
        if self._listener.fileno() >= 0:
            self.loop.watch(self._listener.fileno(), self._accept)

    def _accept(self, _events: int) -> None:
        for _ in range(16):
            try:
                sock, _address = self._listener.accept()
            except OSError as problem:
                if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause()
                return
            sock.setblocking(False)
            peer = peer_of(sock)
            if peer is None:
                self._refuse(sock, "cannot tell who you are")
            elif not self._room_for(trusted := self._trusted(peer)):
                self._refuse(sock, "too many connections")
            else:
                client = Client(self, sock, peer, trusted=trusted)
                self._clients[client] = None
                self.loop.watch(sock.fileno(), client.ready)

    def _pause(self) -> None:
        """Without a descriptor the listener stays ready: look away, or we would spin."""
        self.loop.forget(self._listener.fileno())
        self.loop.at(clock.now().at + PAUSE, self._listen)

    @staticmethod
    def _refuse(sock: socket.socket, text: str) -> None:
        with contextlib.suppress(OSError):
            sock.send(protocol.error(None, RpcError(protocol.REFUSED, text)))
        sock.close()

    def _room_for(self, trusted: bool) -> bool:
        """Whether there is room for one more; the longest idle one of its kind makes some."""
        alike = [client for client in self._clients if client.trusted == trusted]
        if len(alike) < (MOST_CLIENTS if trusted else MOST_STRANGERS):
            return True
        idle = next((client for client in alike if client.idle()), None)
        if idle is None:
            return False
        idle.close()
        return True

    def heard_from(self, client: Client) -> None:
        """A client has said something."""
        self._clients[client] = self._clients.pop(client, None)

    def forget(self, client: Client) -> None:
        """A client is gone."""
        self._clients.pop(client, None)

    def close(self) -> None:
        """Hang up on everybody; the listening socket itself may live on in the keeper."""
        for client in list(self._clients):
            client.close()
        with contextlib.suppress(KeyError):  # while it pauses it is not watched
            self.loop.forget(self._listener.fileno())
        self._listener.close()
