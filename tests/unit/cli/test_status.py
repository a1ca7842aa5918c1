"""``ctl status``: the document, the table, and what ``--check`` makes of it."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.cli import rich_sheet, sheet, words
from hermes_supervise.cli.terminal import Terminal, breadth
from hermes_supervise.control import protocol
from tests.fakes.fake_server import Caller, FakeServer, row, supervisor_part
from tests.unit.cli.conftest import Ctl

NOW = 1767225600.0  # 2026-01-01T00:00:00Z
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

ENDED = {"code": 0, "signal": None, "reason": "operator", "outcome": "drained", "at": ""}
MIXED = [
    row("chat", ready=True, uptime_s=273600, last_exit={**ENDED, "at": "2025-12-31T23:56:00.000Z"}),
    row(
        "alice",
        phase="draining",
        reason="operator",
        desired="down",
        drain={
            "started_at": "2025-12-31T23:59:50.000Z",
            "deadline_at": "2026-01-01T00:00:20.000Z",
            "progress": "2 sessions left",
        },
    ),
    row(
        "mailer",
        phase="backoff",
        pid=None,
        uptime_s=None,
        restarts=2,
        next_start_at="2026-01-01T00:00:04.500Z",
        last_exit={**ENDED, "code": None, "signal": "SIGSEGV", "outcome": "crashed"},
    ),
    row("billing", phase="waiting", pid=None, uptime_s=None, reason="foreign-owner"),
    row("café-日本", message="接続しています" * 9, healthy=False),
]


def terminal(width: int | None, **changes: Any) -> Terminal:
    """Return a terminal with colours and signs unless told otherwise."""
    facts = {"live": True, "colour": True, "signs": True, "height": 40, **changes}
    return Terminal(width=width, **facts)


def drawn(rows: list[dict[str, Any]], shown: Terminal) -> list[str]:
    """Return the drawn table."""
    return sheet.lines(sheet.sheet(supervisor_part(), rows, NOW, shown), shown)


def test_json_is_the_document_and_nothing_else(ctl: Ctl, server: FakeServer) -> None:
    """Machines read what the contract says: no chunk marks, no figures, nothing left out."""
    said = ctl("status", "--json")

    expected = {"format": 1, "supervisor": server.supervisor, "programs": server.rows}
    assert json.loads(said.out) == expected
    assert said.code == 0


def test_json_of_no_programs_is_json(ctl: Ctl, server: FakeServer) -> None:
    """An empty file is a fair configuration."""
    server.rows.clear()

    assert json.loads(ctl("status", "--json").out)["programs"] == []


def test_names_and_globs_pass_untouched(ctl: Ctl, server: FakeServer) -> None:
    """Only the supervisor knows which programs there are."""
    ctl("status", "chat", "bot-*", "--json", "[a-c]?")

    assert server.asked == [("status", {"names": ["chat", "bot-*", "[a-c]?"]})]


def test_a_pipe_gets_text_that_tools_can_read(ctl: Ctl) -> None:
    """No colours, no boxes, every column there, and what is absent is a dash."""
    said = ctl("status")

    lines = said.out.splitlines()
    assert said.out.isascii()
    assert "\x1b" not in said.out
    assert " ".join(lines[1].split()) == "NAME PHASE READY PID UPTIME RESTARTS LAST EXIT MESSAGE"
    assert lines[2].split() == ["chat", "running", "-", "4211", "1h", "00m", "0", "-", "-"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"ready": True}, 0),
        ({"ready": False}, 1),
        ({"healthy": False}, 1),
        ({"phase": "starting"}, 1),
        ({"phase": "waiting"}, 1),
        ({"phase": "failed"}, 1),
        ({"phase": "stopped"}, 1),
        ({"desired": "down"}, 1),
        ({"desired": "down", "phase": "draining"}, 1),
        ({"desired": "down", "phase": "stopped"}, 0),
        ({"phase": "exited", "last_exit": {**ENDED, "outcome": "exited"}}, 0),
        ({"phase": "exited", "last_exit": {**ENDED, "outcome": "failed"}}, 1),
    ],
)
def test_check_asks_whether_every_program_is_as_wanted(
    ctl: Ctl, server: FakeServer, changes: dict[str, Any], code: int
) -> None:
    """A monitor needs one number."""
    server.rows[1] = row("mailer", **changes)

    assert ctl("status", "--check", "--json").code == code


def test_without_check_an_answer_is_a_success(ctl: Ctl, server: FakeServer) -> None:
    """``status`` answers; it does not judge."""
    server.rows[0] = row("chat", phase="failed")

    assert ctl("status").code == 0


def test_the_table_says_what_is_left_and_what_comes() -> None:
    """Drain progress, the time left of it, and the next start are what an operator waits for."""
    text = "\n".join(drawn(MIXED, terminal(None, live=False, colour=False, signs=False)))

    assert "2 sessions left; 20s left; by operator" in text
    assert "next start in 4s" in text
    assert "crashed SIGSEGV" in text
    assert "drained, 4m ago" in text
    assert "foreign-owner" in text
    assert "unhealthy" in text


@given(st.integers(1, 220))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """A line that wraps turns a table into garbage; a narrow terminal loses columns instead."""
    widths = [breadth(COLOURS.sub("", line)) for line in drawn(MIXED, terminal(width))]

    # Below the width of a phase there is nothing sensible left to lose but letters.
    assert max(widths) <= max(width, 10)


def test_a_narrow_terminal_keeps_name_and_phase() -> None:
    """These two are what the question was."""
    lines = [COLOURS.sub("", line) for line in drawn(MIXED, terminal(24))]

    assert lines[2].split() == ["NAME", "PHASE"]
    assert "draining" in lines[5]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
def test_rich_and_the_hand_draw_the_same_table(width: int) -> None:
    """More programs must not change how the table looks."""
    shown, stream = terminal(width), io.StringIO()
    whole = sheet.sheet(supervisor_part(), MIXED, NOW, shown)
    rich_sheet.draw(whole, shown, stream)

    by_rich = [COLOURS.sub("", line).rstrip() for line in stream.getvalue().splitlines()]
    by_hand = [COLOURS.sub("", line).rstrip() for line in sheet.lines(whole, shown)]
    assert by_rich == by_hand


def test_no_color_leaves_no_colours() -> None:
    """https://no-color.org; the signs stay."""
    shown, stream = terminal(100, colour=False), io.StringIO()
    whole = sheet.sheet(supervisor_part(), MIXED, NOW, shown)
    rich_sheet.draw(whole, shown, stream)

    assert "\x1b" not in stream.getvalue()
    assert "\x1b" not in "\n".join(sheet.lines(whole, shown))
    assert "●" in stream.getvalue()


def test_a_degraded_supervisor_is_red() -> None:
    """It keeps the programs alive but can no longer do all it promises: nobody may miss that."""
    shown = terminal(100)
    whole = sheet.sheet(supervisor_part(state="degraded"), [], NOW, shown)

    assert sheet.lines(whole, shown)[0].startswith("\x1b[1;31m● supervisor degraded")


def test_a_program_cannot_draw_on_our_terminal() -> None:
    """Messages come from the programs: an escape sequence in one is text."""
    evil = row("chat", message="ok\x1b[2J\x1b]0;owned\x07\nroot: done")
    text, _ = words.message(evil, NOW, signs=True)

    assert text == "ok [2J ]0;owned  root: done"


def test_no_such_program_names_near_ones(ctl: Ctl, server: FakeServer) -> None:
    """A slip of the finger costs one look, not three."""

    def refuse(caller: Caller, params: dict[str, Any]) -> None:
        if params["names"]:
            caller.refuse(protocol.NO_SUCH_PROGRAM, "no such program: caht")
        else:
            caller.reply({"format": 1, "supervisor": {}, "programs": server.rows})

    server.answers["status"] = refuse
    said = ctl("status", "caht")

    assert said.code == 2
    assert said.err == "no such program: caht; did you mean chat?\n"
    assert said.out == ""


def test_figures_are_added_only_when_asked(ctl: Ctl, server: FakeServer) -> None:
    """Reading them takes a moment, and the contract document has none."""
    server.rows[:] = [row("gone", pid=None), row("none", pid=2**22 + 1)]
    programs = json.loads(ctl("status", "--stats", "--json").out)["programs"]

    assert programs[0]["stats"] is None
    assert programs[1]["stats"]["processes"] == 0


def test_watch_is_not_for_machines(ctl: Ctl) -> None:
    """A live picture as JSON would be neither."""
    said = ctl("status", "--watch", "--json")

    assert said.code == 2
    assert "leave out --json" in said.err
