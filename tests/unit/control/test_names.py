"""From what an operator typed to programs."""

from __future__ import annotations

import pytest

from hermes_supervise.control.names import programs_named
from hermes_supervise.control.protocol import NO_SUCH_PROGRAM, RpcError

GROUPS = {"chat-a": "chat", "chat-b": "chat", "worker": "worker", "chatter": "chatter"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["worker"], ["worker"]),
        (["chat"], ["chat-a", "chat-b"]),
        (["chat*"], ["chat-a", "chat-b", "chatter"]),
        (["chat-[ab]"], ["chat-a", "chat-b"]),
        (["chat-?"], ["chat-a", "chat-b"]),
        (["worker", "chat-a", "worker"], ["chat-a", "worker"]),
        (["all"], list(GROUPS)),
        (["worker", "all"], list(GROUPS)),
    ],
)
def test_a_name_a_group_a_glob_or_all(typed: list[str], meant: list[str]) -> None:
    """Each program once, in the order of the file."""
    assert programs_named(typed, GROUPS, empty_is_all=False) == meant


def test_no_name_means_all_only_where_that_is_harmless() -> None:
    """``status`` shows all; ``stop`` without a name stops nothing."""
    assert programs_named([], GROUPS, empty_is_all=True) == list(GROUPS)
    assert programs_named([], GROUPS, empty_is_all=False) == []


@pytest.mark.parametrize(
    ("typed", "near"),
    [("wroker", ["worker"]), ("chatt", ["chat", "chatter"]), ("zzz", []), ("x*", [])],
)
def test_a_slip_is_answered_with_what_is_near(typed: str, near: list[str]) -> None:
    """And one wrong name among right ones changes nothing at all."""
    with pytest.raises(RpcError, match=f"no such program: {typed[0]}") as problem:
        programs_named(["worker", typed], GROUPS, empty_is_all=False)

    assert problem.value.code == NO_SUCH_PROGRAM
    data = problem.value.data
    assert isinstance(data, dict)
    assert data["near"][: len(near)] == near
