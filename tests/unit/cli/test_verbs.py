"""``reload``, ``events``, ``signal`` and ``shutdown``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from hermes_supervise.cli.events import event_line
from hermes_supervise.cli.reload import field_text
from hermes_supervise.cli.shutdown import Process
from hermes_supervise.cli.signals import signal_name
from hermes_supervise.cli.terminal import Terminal
from hermes_supervise.control import protocol
from tests.fakes.fake_server import Answer, Caller, FakeServer, row
from tests.unit.cli.conftest import Ctl

PLAIN = Terminal(live=False, colour=False, signs=False, width=None, height=24)


def change(name: str, action: str, **keys: tuple[str, str]) -> dict[str, Any]:
    """Return one change of a plan."""
    fields = [{"key": key, "old": old, "new": new} for key, (old, new) in keys.items()]
    return {"name": name, "action": action, "fields": fields}


CHANGES = [
    change("chat", "restart", TOKEN=("", "changed"), umask=("none", "027")),
    change("new", "add"),
    change("old", "remove"),
    change("mailer", "update", autostart=("true", "always")),
    change("same", "none"),
]


def planned(*, applied: bool) -> Answer:
    """Return an answer with the changes above."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"applied": applied, "changes": CHANGES})

    return answer


def test_a_plan_reads_like_a_diff(ctl: Ctl, server: FakeServer) -> None:
    """What happens to whom, and why; what does not change is not shown."""
    server.answers["reload"] = planned(applied=False)
    said = ctl("reload", "--plan")

    assert said.out.splitlines() == [
        "~ chat    restart              TOKEN changed",
        "                               umask: none -> 027",
        "+ new     add",
        "- old     remove (drained)",
        "= mailer  update (no restart)  autostart: true -> always",
        "1 to restart, 1 to add, 1 to remove, 1 to update; nothing was changed yet",
    ]
    assert server.asked == [("reload", {"plan_only": True, "allow_empty": False})]


def test_a_reload_says_that_it_was_done(ctl: Ctl, server: FakeServer) -> None:
    """The last line is what a log of a deployment keeps."""
    server.answers["reload"] = planned(applied=True)

    last = ctl("reload", "--allow-empty").out.splitlines()[-1]
    assert last == "applied: 1 to restart, 1 to add, 1 to remove, 1 to update"
    assert server.asked == [("reload", {"plan_only": False, "allow_empty": True})]


def test_a_value_that_is_not_told_is_only_said_to_differ() -> None:
    """It may be a secret."""
    assert field_text({"key": "x", "old": None, "new": None}) == "x changed"


def test_a_bad_file_is_shown_with_all_its_problems(ctl: Ctl, server: FakeServer) -> None:
    """Exit 3, and exactly what ``check`` would say."""
    problems = "supervisor.yaml:4:14: programs.chat.restart: got false\n  write:  restart: never\n"

    def refuse(caller: Caller, params: dict[str, Any]) -> None:
        caller.refuse(protocol.BAD_CONFIGURATION, "1 problem", {"problems": problems})

    server.answers["reload"] = refuse
    said = ctl("reload")

    assert said.code == 3
    assert said.err == problems


EVENT = {
    "id": 9,
    "at": "2026-01-01T00:00:00.000Z",
    "program": "chat",
    "kind": "phase",
    "phase_from": "running",
    "phase_to": "draining",
    "reason": "operator",
    "by": "uid 0",
    "data": {"deadline_s": 30, "absent": None, "evil": "\x1b[2J"},
}


def test_an_event_is_a_line(ctl: Ctl) -> None:
    """When, who, what, from where to where, why, and the facts; nothing a terminal obeys."""
    assert event_line(EVENT, PLAIN) == (
        "2026-01-01 00:00:00  chat              phase           "
        "running -> draining  operator  by uid 0  deadline_s=30  evil= [2J"
    )


def test_events_as_json_are_the_events(ctl: Ctl, server: FakeServer) -> None:
    """One object a line, untouched."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"events": [EVENT], "more": True})
        caller.reply({"events": [{**EVENT, "id": 10}], "more": False})

    server.answers["events"] = answer
    said = ctl("events", "chat", "-n", "2", "--json")

    assert [json.loads(line) for line in said.out.splitlines()] == [EVENT, {**EVENT, "id": 10}]
    assert server.asked[0][1] == {"name": "chat", "limit": 2, "after": None, "follow": False}


def test_followed_events_go_on_after_the_supervisor_was_replaced(server: FakeServer) -> None:
    """Each once: the successor is asked for what came after the last one."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        if params["after"] is None:
            caller.reply({"events": [EVENT], "more": False})
            caller.notify("event", {"event": {**EVENT, "id": 10}})
        else:
            caller.reply({"events": [{**EVENT, "id": params["after"] + 1}], "more": False})
            caller.wait(5)
        caller.hang_up()

    server.answers["events"] = answer
    words = [sys.executable, "-m", "hermes_supervise", "ctl", "--socket", server.path]
    with subprocess.Popen(
        [*words, "events", "-f", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ids = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
        process.kill()

    assert ids == [9, 10, 11]


def test_a_signal_that_reached_not_all_is_one(ctl: Ctl, server: FakeServer) -> None:
    """Each failure has its reason."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"sent": ["chat"], "failed": {"mailer": "no process lives"}})

    server.answers["signal"] = answer
    said = ctl("signal", "all", "HUP")

    assert said.code == 1
    assert said.out == "chat: sent SIGHUP\n"
    assert said.err == "mailer: no process lives\n"
    assert server.asked == [("signal", {"names": ["all"], "signal": "SIGHUP"})]


@pytest.mark.parametrize("word", ["HUP", "sighup", "SIGHUP", "1"])
def test_a_signal_has_many_names(word: str) -> None:
    """As for kill(1)."""
    assert signal_name(word) == "SIGHUP"


def test_a_number_that_is_no_signal_is_a_mistake(ctl: Ctl) -> None:
    """Exit 2, and nothing is sent."""
    assert ctl("signal", "chat", "999").code == 2


def test_shutdown_returns_when_both_processes_are_gone(ctl: Ctl, server: FakeServer) -> None:
    """Whoever removes the state folder next must not find a writer in it."""
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def watch(caller: Caller, params: dict[str, Any]) -> None:
        caller.notify("row", {"program": row("chat", phase="draining")})
        caller.wait(5)

    def shutdown(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"pids": [None, living.pid]})
        living.communicate(b"\n")

    server.answers.update(watch=watch, shutdown=shutdown)
    said = ctl("shutdown")

    assert said.code == 0
    assert living.wait(10) == 0  # the thread of the fake server may still be reaping it
    assert ("shutdown", {"leave": False}) in server.asked


def test_a_process_is_gone_when_it_has_ended_and_not_before() -> None:
    """A pid that is somebody else's next is no answer; a handle is."""
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process(living.pid)
    before = process.gone()
    living.communicate(b"\n")

    assert (before, process.gone()) == (False, True)
    if process.descriptor is not None:
        os.close(process.descriptor)


def test_leave_is_passed_on(ctl: Ctl, server: FakeServer) -> None:
    """The programs live on, and nobody watches them drain."""

    def shutdown(caller: Caller, params: dict[str, Any]) -> None:
        caller.reply({"pids": [None, None]})

    server.answers["shutdown"] = shutdown

    assert ctl("shutdown", "--leave").code == 0
    assert server.asked == [("shutdown", {"leave": True})]


@pytest.mark.parametrize("answer", ["", "[]", "HTTP/1.0 200 OK"])
def test_something_else_on_the_socket_is_no_supervisor(
    ctl: Ctl, server: FakeServer, answer: str
) -> None:
    """Exit 4 and one line, whoever listens there."""

    def rude(caller: Caller, params: dict[str, Any]) -> None:
        caller.send(answer.encode() + b"\n")

    server.answers["status"] = rude
    said = ctl("status")

    assert said.code == 4
    assert said.err.count("\n") == 1
    assert "this is no supervisor" in said.err
