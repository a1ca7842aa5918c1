"""Events in words: what a person reads while it happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hermes_supervise
from hermes_supervise.logs.own import ERROR, INFO, WARNING
from hermes_supervise.logs.sentences import level_of, sentence
from hermes_supervise.model.decision import Event
from hermes_supervise.model.phase import Phase, Reason


def event(kind: str, reason: Reason | None = None, **data: object) -> Event:
    """Return an event."""
    return Event(kind=kind, reason=reason, data=data or None)


@pytest.mark.parametrize(
    ("told", "by", "words"),
    [
        (event("asked-stop"), "uid 0, pid 7", "stop asked by uid 0, pid 7"),
        (
            event("asked-stop", force=True, drain_timeout_s=2.5),
            "uid 0, pid 7",
            "stop asked by uid 0, pid 7, with force, at most 2.5 s for its drain",
        ),
        (event("asked-restart"), "uid 8, pid 9", "restart asked by uid 8, pid 9"),
        (event("asked-force"), "terminal", "force asked by terminal"),
        (event("spawned", pid=42), None, "started, pid 42"),
        (event("running", adopted=True), None, "running, adopted"),
        (event("running"), None, "running"),
        (
            event("draining", Reason.OPERATOR, timeout_s=30.0),
            None,
            "draining (operator), 30 s left",
        ),
        (event("stopped", Reason.SHUTDOWN), None, "stopped (shutdown)"),
        (
            event("exit", code=3, signal=None, outcome="failed", run_s=1.5),
            None,
            "failed after 1.5 s: exit code 3",
        ),
        (
            event("exit", code=None, signal=11, outcome="crashed", run_s=2.0),
            None,
            "crashed after 2 s: ended by SIGSEGV",
        ),
        (
            event("exit", code=None, signal=None, outcome="unknown", run_s=2.0),
            None,
            "unknown: it ended and nobody could see how",
        ),
        (
            event("exit", code=None, outcome="never-started", error="no such file: x"),
            None,
            "never-started: no such file: x",
        ),
        (
            event("failed", message="gave up after 5 failures in 300 s", retry_s=300.0),
            None,
            "failed: gave up after 5 failures in 300 s; next try in 300 s",
        ),
        (
            event("failed", message="fatal exit code 78", retry_s=None),
            None,
            "failed: fatal exit code 78; stays down until asked",
        ),
        (event("signal", signal="SIGHUP", sent=True), "uid 0", "SIGHUP sent (asked by uid 0)"),
        (event("signal", signal="SIGHUP", sent=False), None, "SIGHUP could not be sent"),
        (event("waiting", message="owned by pid 5"), None, "waiting: owned by pid 5"),
        (
            event("shutting-down", programs="leave"),
            "signal",
            "shutting down; the programs are left running (asked by signal)",
        ),
        (
            event("reloaded", changes={"a": "add", "b": "restart"}),
            "uid 0",
            "configuration read again: add a, restart b (asked by uid 0)",
        ),
        (event("reloaded", changes={}), None, "configuration read again; nothing changed"),
        (event("leftovers", count=2), None, "its main process is gone, ending 2 it left behind"),
        (event("something-new", Reason.OOM, run_id="x", n=1), None, "something new (oom): n 1"),
    ],
)
def test_an_event_in_words(told: Event, by: str | None, words: str) -> None:
    """Lower case, no full stop, and nothing that only a machine can read."""
    assert sentence(told, by) == words


def kinds() -> set[str]:
    """Return every kind of event that the package can tell."""
    found = {phase.value for phase in Phase}
    for path in Path(hermes_supervise.__file__).parent.rglob("*.py"):
        found |= set(re.findall(r'kind="([a-z-]+)"', path.read_text()))
    return found | {"asked-start", "asked-stop", "asked-restart", "marker-consumed"}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_has_words_and_a_level_even_without_its_facts(kind: str) -> None:
    """A log that raises would stop the supervisor."""
    told = event(kind)

    assert sentence(told)
    assert sentence(told, "uid 0")
    assert level_of(told) in (3, 4, 6, 7)


def test_what_needs_an_eye_is_no_information() -> None:
    """``-q`` shows it."""
    assert level_of(event("failed")) == ERROR
    assert level_of(event("state-unwritable")) == ERROR
    assert level_of(event("exit", outcome="crashed")) == WARNING
    assert level_of(event("exit", outcome="drained")) == INFO
    assert level_of(event("running")) == INFO
