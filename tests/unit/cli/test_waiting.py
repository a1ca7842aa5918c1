"""``start``, ``stop`` and ``restart``: what they wait for, and what ends the waiting."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from hermes_supervise.cli import waiting
from hermes_supervise.control import protocol
from tests.fakes.fake_server import Answer, Caller, FakeServer, row
from tests.unit.cli.conftest import Ctl

DRAIN = {
    "started_at": "2026-01-01T00:00:00.000Z",
    "deadline_at": "2026-01-01T00:00:30.000Z",
    "progress": "2 sessions left",
}


def progress(caller: Caller, name: str, verdict: str, note: str = "", **changes: Any) -> None:
    """Tell the client one change."""
    caller.notify("progress", {"program": row(name, **changes), "verdict": verdict, "note": note})


def end(caller: Caller, verdicts: dict[str, str]) -> None:
    """Tell the client that nothing is pending any more."""
    programs = [{"name": name, "verdict": word, "note": ""} for name, word in verdicts.items()]
    caller.reply({"programs": programs})


def never(caller: Caller, params: dict[str, Any]) -> None:
    """Drain for ever."""
    for name in params["programs"]:
        progress(caller, name, "pending", phase="draining", drain=DRAIN)
    caller.gone.wait(10)


def pressing(times: int) -> Answer:
    """Return an answer that drains for ever while the operator presses Ctrl-C *times*."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        for name in params["programs"]:
            progress(caller, name, "pending", phase="draining", drain=DRAIN)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            caller.gone.wait(0.05)
        caller.gone.wait(10)

    return answer


def silent(caller: Caller, params: dict[str, Any]) -> None:
    """Take the request and never answer."""
    caller.gone.wait(10)


@pytest.mark.parametrize("words", [(), ("--no-wait",), ("--max-parallel", "1")])
def test_a_supervisor_that_never_answers_is_waited_for_no_longer_than_asked(
    ctl: Ctl, server: FakeServer, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """One that hangs listens all the same; five says that the time is over."""
    monkeypatch.setattr(waiting, "LEAST_ASKING", 0.02)
    server.answers["restart"] = silent

    said = ctl("restart", "all", "--timeout", "50ms", *words)

    assert said.code == 5
    assert said.err.startswith("time ran out; restart may not be asked for: ")


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_all_done_is_zero(ctl: Ctl, server: FakeServer, verb: str) -> None:
    """The request first, then the waiting for exactly the runs that it named."""
    said = ctl(verb, "all")

    assert said.code == 0
    assert said.out.splitlines() == ["chat: running", "mailer: running"]
    follow = {"kind": verb, "programs": {"chat": "run-chat", "mailer": "run-mailer"}}
    assert server.asked[1] == ("follow", follow)


def test_one_failure_is_one(ctl: Ctl, server: FakeServer) -> None:
    """The others are waited for all the same."""

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        progress(caller, "chat", "failed", "exit code 1", phase="backoff")
        progress(caller, "mailer", "done", "running")
        end(caller, {"chat": "failed", "mailer": "done"})

    server.answers["follow"] = follow
    said = ctl("start", "all")

    assert said.code == 1
    assert said.out.splitlines() == ["chat: backoff, exit code 1", "mailer: running"]


def test_a_pipe_gets_one_line_a_change(ctl: Ctl, server: FakeServer) -> None:
    """The same news twice is no news; no cursor is moved."""

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        for _ in range(3):
            progress(caller, "chat", "pending", phase="draining", drain=DRAIN)
        progress(caller, "chat", "done", "stopped, drained", phase="stopped", pid=None)
        end(caller, {"chat": "done", "mailer": "done"})

    server.answers["follow"] = follow
    said = ctl("stop", "chat")

    assert said.out.splitlines() == [
        "chat: draining, 2 sessions left",
        "chat: stopped, drained",
        "mailer: done",
    ]


def test_a_program_that_left_the_file_is_only_a_name(ctl: Ctl, server: FakeServer) -> None:
    """The supervisor has no row of it any more."""

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        body = {"program": {"name": "chat"}, "verdict": "done", "note": "gone"}
        caller.notify("progress", body)
        end(caller, {"chat": "done"})

    server.answers["follow"] = follow

    assert ctl("stop", "chat").out == "chat: gone\n"


def test_no_wait_returns_when_the_request_is_durable(ctl: Ctl, server: FakeServer) -> None:
    """A script that does other things meanwhile."""
    said = ctl("stop", "chat", "--no-wait", "--drain-timeout", "2m")

    assert said.code == 0
    assert server.asked == [("stop", {"names": ["chat"], "force": False, "drain_timeout": 120.0})]


def test_the_timeout_ends_the_waiting_and_nothing_else(ctl: Ctl, server: FakeServer) -> None:
    """The drain goes on; nobody is told to hurry."""
    server.answers["follow"] = never
    said = ctl("stop", "all", "--timeout", "50ms")

    assert said.code == 5
    assert "time ran out; stop stays asked for: chat, mailer" in said.err
    assert [method for method, _ in server.asked] == ["stop", "follow"]


def test_a_supervisor_that_dies_meanwhile_is_asked_again(ctl: Ctl, server: FakeServer) -> None:
    """Its successor knows the runs; the operator sees nothing of it."""
    attempts: list[dict[str, Any]] = []

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        attempts.append(params)
        progress(caller, "chat", "pending", phase="draining")
        if len(attempts) == 1:
            caller.hang_up()
        else:
            end(caller, {"chat": "done", "mailer": "done"})

    server.answers["follow"] = follow

    assert ctl("stop", "all").code == 0
    assert attempts[0] == attempts[1]


def test_ctrl_c_ends_the_waiting_but_not_the_request(
    ctl: Ctl, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens a moment longer for a second one, and says so."""
    monkeypatch.setattr("hermes_supervise.cli.following.SECOND_CHANCE", 0.05)
    server.answers["follow"] = pressing(1)
    said = ctl("stop", "all")

    assert said.code == 5
    assert "Ctrl-C again now: force" in said.out
    assert "no longer waiting; stop stays asked for: chat, mailer" in said.err
    assert [method for method, _ in server.asked] == ["stop", "follow"]


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_a_second_ctrl_c_asks_for_force(ctl: Ctl, server: FakeServer, verb: str) -> None:
    """With the verb that was asked: a restart by force still ends with the program up."""
    presses = pressing(2)

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        if [method for method, _ in server.asked].count("follow") == 1:
            presses(caller, params)
        else:
            end(caller, {"chat": "done", "mailer": "done"})

    server.answers["follow"] = follow
    said = ctl(verb, "all")

    assert said.code == 0
    assert [method for method, _ in server.asked] == [verb, "follow", verb, "follow"]
    assert server.asked[2][1]["force"] is True


def test_a_start_is_not_forced(ctl: Ctl, server: FakeServer) -> None:
    """There is nothing to force: one Ctrl-C leaves."""
    server.answers["follow"] = pressing(1)
    said = ctl("start", "all")

    assert said.code == 5
    assert [method for method, _ in server.asked] == ["start", "follow"]


def batches(server: FakeServer) -> list[list[str]]:
    """Return which programs were restarted together."""
    return [params["names"] for method, params in server.asked if method == "restart"]


def naming(caller: Caller, params: dict[str, Any]) -> None:
    """Take a restart of exactly the programs that were named."""
    caller.reply({"format": 1, "kind": "restart", "programs": dict.fromkeys(params["names"], "r")})


def test_a_batch_starts_when_the_last_is_ready(ctl: Ctl, server: FakeServer) -> None:
    """At most N are away at any time."""
    server.rows[:] = [row(name) for name in "abcde"]
    server.answers["restart"] = naming
    said = ctl("restart", "all", "--max-parallel", "2")

    assert said.code == 0
    assert batches(server) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_failure_stops_the_batches_and_says_what_was_spared(ctl: Ctl, server: FakeServer) -> None:
    """A bad release must take down N programs, not all."""
    server.rows[:] = [row(name) for name in "abcde"]
    server.answers["restart"] = naming

    def follow(caller: Caller, params: dict[str, Any]) -> None:
        end(caller, {name: "failed" if name == "c" else "done" for name in params["programs"]})

    server.answers["follow"] = follow
    said = ctl("restart", "all", "--max-parallel", "2")

    assert said.code == 1
    assert batches(server) == [["a", "b"], ["c", "d"]]
    assert said.err == "not restarted: e\n"


def test_batches_have_to_wait(ctl: Ctl) -> None:
    """Without waiting there is no last batch to be ready."""
    assert ctl("restart", "all", "--max-parallel", "2", "--no-wait").code == 2


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (protocol.NO_SUCH_PROGRAM, 2),
        (protocol.INVALID_PARAMS, 2),
        (protocol.REFUSED, 1),
        (protocol.NOT_RECORDED, 1),
        (protocol.NOT_PERMITTED, 1),
        (protocol.BAD_CONFIGURATION, 3),
    ],
)
def test_a_refusal_is_its_sentence_and_its_exit_code(
    ctl: Ctl, server: FakeServer, code: int, exit_code: int
) -> None:
    """The supervisor knows why; ctl only passes it on."""

    def refuse(caller: Caller, params: dict[str, Any]) -> None:
        caller.refuse(code, "the disk is full")

    server.answers["stop"] = refuse
    said = ctl("stop", "chat")

    assert said.code == exit_code
    assert "the disk is full" in said.err
    assert said.out == ""


def test_no_supervisor_says_what_was_tried_and_how_to_start_one(
    tmp_path: os.PathLike[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 4, one line."""
    from hermes_supervise.cli.main import main

    path = os.path.join(tmp_path, "none.sock")
    assert main(["ctl", "--socket", path, "stop", "chat"]) == 4

    err = capsys.readouterr().err
    assert err == (
        f"no supervisor answers: {path}: no such socket; start one with: hermes-supervise -c FILE\n"
    )
