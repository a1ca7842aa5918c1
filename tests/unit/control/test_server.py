"""The control server alone: lines, limits, and clients that behave badly."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_supervise import clock
from hermes_supervise.control import protocol, server
from hermes_supervise.control.peers import Peer
from hermes_supervise.control.server import Client, Server
from hermes_supervise.loop import Loop

STATUS = b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n'


class Booth:
    """A server whose answers are its questions, and clients of it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "s")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(512)
        self.loop = Loop()
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.trusting = True
        self.size = 1
        self.server = Server(
            self.loop, listener, self.answer, lambda _peer: self.trusting, self.faults.append
        )
        self.clients: list[socket.socket] = []

    def answer(self, client: Client, ident: object, method: str, params: dict[str, Any]) -> None:
        """Say the method back, often enough to fill a pipe if that is wanted."""
        self.asked.append(method)
        if method == "logs":
            raise RuntimeError("a mistake of ours")
        if method == "watch":
            client.left.append(lambda: self.asked.append("left"))
        client.put(protocol.response(ident, {"method": method, "filler": "x" * self.size}))

    def client(self) -> socket.socket:
        """Connect."""
        made = socket.socket(socket.AF_UNIX)
        made.connect(self.path)
        made.setblocking(False)
        self.clients.append(made)
        return made

    def turn(self, rounds: int = 4) -> None:
        """Let the server do what there is to do."""
        for _ in range(rounds):
            self.loop.running = True
            self.loop.at(clock.now().at, self.loop.stop)
            self.loop.run()

    def say(self, client: socket.socket, data: bytes) -> list[dict[str, Any]]:
        """Send something and return what comes back."""
        while data:
            try:
                data = data[client.send(data) :]
            except (BrokenPipeError, ConnectionResetError):
                break
            except BlockingIOError:
                pass
            self.turn(2)
        self.turn()
        return self.heard(client)

    def heard(self, client: socket.socket) -> list[dict[str, Any]]:
        """Return the lines that came."""
        found = b""
        while True:
            try:
                piece = client.recv(1 << 20)
            except (BlockingIOError, ConnectionResetError):
                break
            if not piece:
                break
            found += piece
            self.turn(1)
        return [json.loads(line) for line in found.splitlines()]

    def close(self) -> None:
        """End all."""
        for client in self.clients:
            client.close()
        self.server.close()


@pytest.fixture
def booth(tmp_path: Path) -> Iterator[Booth]:
    """A server on a socket of its own."""
    made = Booth(tmp_path)
    yield made
    made.close()


def hung_up(client: socket.socket) -> bool:
    """Whether the server has ended the connection."""
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_every_line_is_answered_in_its_order(booth: Booth) -> None:
    """However the bytes were cut on their way."""
    client = booth.client()
    for cut in range(0, len(STATUS), 7):
        client.send(STATUS[cut : cut + 7])
        booth.turn(1)
    answers = booth.heard(client)
    many = booth.say(client, STATUS.replace(b"1,", b"7,") + b"\n" + STATUS)

    assert [answer["id"] for answer in answers] == [1]
    assert [answer["id"] for answer in many] == [7, 1]


def test_a_line_that_is_too_long_ends_the_connection_with_a_word(booth: Booth) -> None:
    """With or without a newline at its end."""
    for end in (b"", b"\n"):
        client = booth.client()
        answers = booth.say(client, b"x" * protocol.REQUEST_LIMIT + end)

        assert answers[0]["error"]["message"] == "a request has at most 1 MiB"
        assert hung_up(client)
    assert booth.asked == []


def test_a_mistake_of_ours_ends_one_request_and_nothing_else(booth: Booth) -> None:
    """The log says which; the client is told to look there."""
    client = booth.client()
    words = b'{"jsonrpc": "2.0", "id": 5, "method": "logs", "params": {"names": []}}\n'
    wrong, right = booth.say(client, words + STATUS)

    assert (wrong["id"], wrong["error"]["code"]) == (5, protocol.INTERNAL_ERROR)
    assert right["result"]["method"] == "status"
    assert booth.faults == [
        "a request was not answered: RuntimeError('a mistake of ours') (answer)"
    ]


def test_a_client_that_does_not_read_is_dropped(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded."""
    monkeypatch.setattr(server, "MOST_UNREAD", 100_000)
    booth.size = 30_000
    deaf, polite = booth.client(), booth.client()
    for _ in range(100):
        try:
            deaf.send(STATUS)
        except OSError:
            break
        booth.turn(1)
    answers = booth.say(polite, STATUS)

    assert len(booth.asked) < 50
    assert len(answers) == 1


def test_a_slow_client_gets_everything(booth: Booth) -> None:
    """Bounded is not lossy: what fits is kept until it is read."""
    booth.size = 400_000
    slow = booth.client()
    slow.send(STATUS * 5)
    booth.turn()
    answers = booth.heard(slow)

    assert len(answers) == 5


def test_who_leaves_is_forgotten(booth: Booth) -> None:
    """And what was done for him is ended."""
    client = booth.client()
    booth.say(client, b'{"jsonrpc": "2.0", "id": 1, "method": "watch"}\n')
    client.close()
    booth.turn()

    assert booth.asked == ["watch", "left"]


def test_the_longest_idle_connection_makes_room(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that follows something is not idle."""
    monkeypatch.setattr(server, "MOST_CLIENTS", 3)
    follower, first, second = booth.client(), booth.client(), booth.client()
    booth.say(follower, b'{"jsonrpc": "2.0", "id": 1, "method": "watch"}\n')
    booth.say(first, STATUS)
    booth.say(second, STATUS)
    booth.say(first, STATUS)
    fourth = booth.client()
    booth.turn()

    assert len(booth.say(fourth, STATUS)) == 1
    assert [hung_up(each) for each in (follower, first, second)] == [False, False, True]


def test_when_nobody_is_idle_the_new_one_is_told(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who waits for something is thrown out."""
    monkeypatch.setattr(server, "MOST_CLIENTS", 1)
    follower = booth.client()
    booth.say(follower, b'{"jsonrpc": "2.0", "id": 1, "method": "watch"}\n')
    late = booth.client()
    booth.turn()
    (told,) = booth.heard(late)

    assert told["error"]["message"] == "too many connections"
    assert not hung_up(follower)


def test_strangers_have_places_of_their_own(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """They can crowd out each other, and nobody else."""
    monkeypatch.setattr(server, "MOST_STRANGERS", 2)
    trusted = booth.client()
    booth.turn()
    booth.trusting = False
    strangers = [booth.client() for _ in range(5)]
    booth.turn()

    assert not hung_up(trusted)
    assert [hung_up(each) for each in strangers] == [True, True, True, False, False]


def test_without_a_descriptor_the_server_waits_and_does_not_spin(booth: Booth) -> None:
    """The listener stays ready all the time; looking away is what saves the processor."""
    booth.server._pause()
    client = booth.client()
    client.send(STATUS)
    booth.turn()
    before = list(booth.asked)
    booth.loop.running = True
    booth.loop.at(clock.now().at + server.PAUSE + 0.05, booth.loop.stop)
    booth.loop.run()
    booth.turn()

    assert before == []
    assert booth.asked == ["status"]


def test_a_peer_is_named_as_the_history_shows_it() -> None:
    """Who asked stands in every event of a command."""
    assert str(Peer(7, 0, frozenset())) == "uid 0, pid 7"
