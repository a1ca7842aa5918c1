"""Messages over a real socket pair."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from hermes_supervise.keeper.wire import Message, Wire

Pair = tuple[Wire, Wire]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a wire."""
    one, other = socket.socketpair()
    with one, other:
        yield Wire(one), Wire(other)


def test_what_is_put_arrives_whole_and_in_order(pair: Pair) -> None:
    """Plain values, nested, of any size."""
    here, there = pair
    messages = [("a", 1, None), ("b", {"x": ["y", b"\0"]}), ("c", ("t",), 2.5, True)]
    for message in messages:
        here.put(message)
    assert here.flush()

    assert [message for message, _ in there.receive()] == messages


def test_a_message_larger_than_the_socket_takes_several_goes(pair: Pair) -> None:
    """Neither end ever waits for the other."""
    here, there = pair
    large = ("large", "x" * 3_000_000)
    here.put(large)
    got: list[tuple[Message, tuple[int, ...]]] = []
    goes = 0
    while not got:
        here.flush()
        got = there.receive()
        goes += 1

    assert got == [(large, ())]
    assert goes > 1
    assert not here.backlog


def test_descriptors_arrive_with_their_message_and_close_on_exec(
    pair: Pair, tmp_path: object
) -> None:
    """They are copies; whoever sent them may close his own."""
    here, there = pair
    fds = [os.open(f"{tmp_path}/{name}", os.O_CREAT | os.O_RDWR) for name in "abc"]
    here.put(("before",))
    here.put(("two",), tuple(fds[:2]))
    here.put(("between",))
    here.put(("one",), tuple(fds[2:]))
    here.put(("after",))
    while not here.flush():
        pass
    got: list[tuple[Message, tuple[int, ...]]] = []
    while len(got) < 5:
        got += there.receive()

    names = {m[0]: [os.readlink(f"/proc/self/fd/{fd}")[-1] for fd in fds] for m, fds in got}
    assert names == {"before": [], "two": ["a", "b"], "between": [], "one": ["c"], "after": []}
    received = [fd for _, fds in got for fd in fds]
    assert not any(os.get_inheritable(fd) for fd in received)
    for fd in [*fds, *received]:
        os.close(fd)


def test_the_end_of_the_other_side_comes_after_all_that_it_said(pair: Pair) -> None:
    """What a dead supervisor asked for was recorded before."""
    here, there = pair
    here.put(("last words",))
    here.flush()
    here.sock.close()

    assert [m for m, _ in there.receive()] == [("last words",)]
    with pytest.raises(EOFError):
        there.receive()


def test_talking_to_nobody_is_an_error_and_what_waits_can_be_dropped(pair: Pair) -> None:
    """The keeper drops it and reads on."""
    here, there = pair
    there.put(("unread",))
    there.flush()
    there.sock.close()
    here.put(("hello?",))
    with pytest.raises(OSError, match="Broken pipe"):
        here.flush()
    here.discard()

    assert here.flush()
    assert [m for m, _ in here.receive()] == [("unread",)]
