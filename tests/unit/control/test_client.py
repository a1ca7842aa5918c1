"""The asking side of the control socket, against a supervisor that is polite, slow or rude."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from hermes_supervise.control import protocol
from hermes_supervise.control.client import call, connect, links
from hermes_supervise.model.errors import (
    BadReply,
    ConnectionLost,
    NotRunning,
    RemoteError,
    TimedOut,
)
from tests.fakes.fake_server import Caller, FakeServer, row

SOON = 0.1


def many(count: int) -> list[dict[str, Any]]:
    """Return *count* programs."""
    return [row(f"bot-{number:04}") for number in range(count)]


def test_an_answer_in_chunks_arrives_whole_and_in_order() -> None:
    """The operator asked one question; how it was cut for the wire is not his business."""
    with FakeServer(rows=many(1201)) as server:
        document = call(server.path, "status", {"names": []})

    assert [each["name"] for each in document["programs"]] == [f"bot-{n:04}" for n in range(1201)]
    assert "more" not in document


def test_run_ids_of_several_chunks_are_one_table() -> None:
    """``start all`` of more than 500 programs is followed as a whole."""

    def start(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"format": 1, "kind": "start", "programs": {"a": "1"}, "more": True})
        caller.reply({"format": 1, "kind": "start", "programs": {"b": None}, "more": False})

    with FakeServer(answers={"start": start}) as server:
        taken = call(server.path, "start", {"names": ["all"]})

    assert taken["programs"] == {"a": "1", "b": None}


def test_an_answer_that_comes_byte_by_byte_is_the_same_answer() -> None:
    """A socket promises bytes, not messages."""

    def drip(caller: Caller, params: dict[str, Any]) -> None:
        for byte in protocol.response(caller.ident, {"format": 1, "programs": [row("é")]}):
            caller.send(bytes([byte]))

    with FakeServer(answers={"status": drip}) as server:
        document = call(server.path, "status")

    assert document["programs"][0]["name"] == "é"


def broken_once() -> Callable[[Caller, dict[str, Any]], None]:
    """Return an answer that hangs up in the middle of its first attempt."""
    attempts = []

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        attempts.append(1)
        caller.reply({"format": 1, "programs": [row("first")], "more": True})
        if len(attempts) == 1:
            caller.hang_up()
        else:
            caller.reply({"format": 1, "programs": [row("second")], "more": False})

    return answer


def test_half_an_answer_of_a_supervisor_that_died_never_appears() -> None:
    """It is asked again: the next supervisor gives a whole answer, and none of it twice."""
    with FakeServer(answers={"status": broken_once()}) as server:
        document = call(server.path, "status")

    assert [each["name"] for each in document["programs"]] == ["first", "second"]


@pytest.mark.parametrize("method", ["restart", "signal", "shutdown"])
def test_what_must_not_happen_twice_is_not_asked_twice(method: str) -> None:
    """A restart that was taken before the connection broke would restart everything again."""
    params: dict[str, object] = {"names": ["chat"]} if method != "shutdown" else {}
    if method == "signal":
        params["signal"] = "HUP"

    def die(caller: Caller, params: dict[str, Any]) -> None:
        caller.hang_up()

    with FakeServer(answers={method: die}) as server:
        with pytest.raises(ConnectionLost):
            call(server.path, method, params)

        assert [asked for asked, _ in server.asked] == [method]


def test_nobody_there_is_said_at_once(tmp_path: os.PathLike[str]) -> None:
    """A missing socket is no reason to wait."""
    with pytest.raises(NotRunning, match="no such socket"):
        call(os.path.join(tmp_path, "none"), "status")


def test_a_socket_left_behind_is_nobody_too(tmp_path: os.PathLike[str]) -> None:
    """SIGKILL leaves the file of a socket; it answers nothing."""
    path = os.path.join(tmp_path, "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(path)

    with pytest.raises(NotRunning, match="nobody listens"):
        call(path, "status")


def test_a_supervisor_that_never_answers_has_a_deadline() -> None:
    """Every wait ends."""

    def wait(caller: Caller, params: dict[str, Any]) -> None:
        caller.wait(5)

    with (
        FakeServer(answers={"status": wait}) as server,
        pytest.raises(TimedOut, match=r"no answer to status within 0\.\d+ s"),
    ):
        call(server.path, "status", timeout=SOON)


def test_half_a_line_does_not_move_the_deadline() -> None:
    """One that sends a little now and then would otherwise be waited for, for ever."""

    def mumble(caller: Caller, params: dict[str, Any]) -> None:
        while not caller.gone.is_set():
            caller.send(b" ")
            caller.wait(0.01)

    with FakeServer(answers={"status": mumble}) as server, pytest.raises(TimedOut):
        call(server.path, "status", timeout=SOON)


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\n", b"[]\n", b'{"jsonrpc": "1.0"}\n', b"\xff\xfe\n", b"[" * 9999],
)
def test_what_is_no_reply_is_said_to_be_none(garbage: bytes) -> None:
    """Somebody else's socket is not a supervisor, and no reason for a traceback."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.send(garbage + b"\n")

    with FakeServer(answers={"status": answer}) as server, pytest.raises(BadReply):
        call(server.path, "status")


def test_a_response_without_a_result_is_no_reply() -> None:
    """An answer that answers nothing must not look like an empty one."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.send(b'{"jsonrpc": "2.0", "id": 1}\n')

    with FakeServer(answers={"status": answer}) as server, pytest.raises(BadReply):
        call(server.path, "status")


def test_a_refusal_carries_code_sentence_and_data() -> None:
    """The exit code of ctl is made from the code, its message from the sentence."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.refuse(protocol.NO_SUCH_PROGRAM, "no such program: caht", {"near": ["chat"]})

    with FakeServer(answers={"status": answer}) as server, pytest.raises(RemoteError) as caught:
        call(server.path, "status")

    assert caught.value.code == protocol.NO_SUCH_PROGRAM
    assert str(caught.value) == "no such program: caht"
    assert caught.value.data == {"near": ["chat"]}


def test_a_request_that_is_too_long_is_not_sent() -> None:
    """The supervisor would hang up in the middle of it; here it can be said why."""
    with FakeServer() as server:
        with pytest.raises(RemoteError, match="at most 1048576"):
            call(server.path, "status", {"names": ["x" * protocol.REQUEST_LIMIT]})

        assert server.asked == []


def test_notifications_come_before_the_answer_they_lead_to() -> None:
    """``follow`` tells what happens, then that nothing more will."""
    with FakeServer(rows=[row("chat")]) as server, connect(server.path) as link:
        link.send("follow", {"kind": "stop", "programs": {"chat": "run-1"}})
        first, last = link.next(5), link.next(5)

    assert first is not None
    assert first[0] == "progress"
    assert last == ("", {"programs": [{"name": "chat", "verdict": "done", "note": ""}]})


def test_waiting_for_the_next_word_ends_in_time() -> None:
    """A live view has to draw the time that passes, whoever is silent."""
    with FakeServer() as server, connect(server.path) as link:
        assert link.next(0.01) is None


def test_waiting_for_the_next_word_ends_when_something_else_happens() -> None:
    """Ctrl-C is a descriptor that can be read."""
    reader, writer = os.pipe()
    try:
        os.write(writer, b".")
        with FakeServer() as server, connect(server.path) as link:
            assert link.next(None, [reader]) is None
    finally:
        os.close(reader)
        os.close(writer)


def test_a_supervisor_that_always_hangs_up_is_given_up() -> None:
    """Coming back is waited for; coming back to die at once, not for ever."""
    with FakeServer() as server, pytest.raises(ConnectionLost, match="every connection ends"):
        tuple(links(server.path, timeout=SOON))
