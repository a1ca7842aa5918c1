"""Values that are right alone and wrong together."""

from __future__ import annotations

import pytest

from tests.unit.config.given import compiled, message, messages, plan, program


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            "stop: {drain_timeout: 30s, drain_limit: 20s}",
            "stop.drain_limit: got 20s, want at least stop.drain_timeout, which is 30s",
        ),
        (
            "restart: {backoff: {first: 2m, limit: 1m}}",
            "restart.backoff.first: got 2m, want at most backoff.limit, which is 1m",
        ),
        (
            "start: {timeout: 5s, settle: 6s}",
            "start.settle: got 6s, want at most start.timeout, which is 5s",
        ),
        (
            "restart: {give_up: {within: 5m, retry_after: 1m}}",
            "restart.give_up.retry_after: got 1m, "
            "want at least give_up.within, which is 5m, or none",
        ),
        (
            "stop: {signal: none}",
            "stop.signal: got none, and there is no marker: nothing would ask the program to stop",
        ),
        (
            "restart: {fatal_exit_codes: [75]}",
            "restart.fatal_exit_codes: got 75, which restart.restart_exit_codes has too; "
            "one exit code has one meaning",
        ),
        (
            "stop: {drained: {file: {path: p, exists: false, max_age: 3s}}}",
            "stop.drained.file.max_age: a file that must be gone has none of this (exists: false)",
        ),
        (
            "stop: {drained: {tcp: {port: 80, host: db.example}}}",
            "stop.drained.tcp.host: got 'db.example', want an address or localhost",
        ),
        (
            "stop: {drained: {file: {path: p, exists: false, json: {a: b}}}}",
            "stop.drained.file.json: a file that must be gone has none of this (exists: false)",
        ),
        (
            "stop: {marker: {path: p, format: touch, target: {pid_file: f}}}",
            "stop.marker.target: got a pid file, but a touch marker names nobody",
        ),
        (
            "stop: {drained: {file: {path: p}, tcp: {port: 1}}}",
            "stop.drained: got file and tcp, want exactly one of file, tcp, unlocked",
        ),
        (
            "stop: {drained: {}}",
            "stop.drained: got none of them, want exactly one of file, tcp, unlocked",
        ),
        (
            "owner: {pid_file: a, lock_file: b}",
            "owner: got pid_file and lock_file, want exactly one of pid_file, lock_file",
        ),
        ("group: 7", "group: got a group without a user"),
    ],
)
def test_a_contradiction_is_an_error_that_names_both_sides(keys: str, told: str) -> None:
    """Each value alone would pass."""
    assert message(keys) == told


def test_two_contradictions_of_one_section_are_told_together() -> None:
    """Every problem at once."""
    told = messages(
        "programs:\n  a:\n    command: x\n"
        "    stop: {signal: none, drain_timeout: 2m, drain_limit: 1m}\n"
    )

    assert len(told) == 2


def test_contradictions_are_told_beside_other_mistakes() -> None:
    """A typing error in one program does not hide what is wrong between two others."""
    told = messages(
        """
        supervisor: {shutdown_timeout: 3s}
        programs:
          a: {comand: x}
          b: {command: x, stop: {marker: {path: m}}}
          c: {command: x, stop: {marker: {path: ./m}}}
        """
    )

    assert [each.split(": ")[1] for each in told] == [
        "supervisor.shutdown_timeout",
        "programs.a.command",
        "programs.a.comand",
        "programs.c.stop.marker.path",
    ]


def test_two_programs_with_one_marker_are_an_error_that_shows_both() -> None:
    """One would take the other's stop for its own."""
    told = messages(
        "programs:\n"
        "  a: {command: x, stop: {marker: {path: m.json}}}\n"
        "  b: {command: x, directory: sub, stop: {marker: {path: /srv/app/m.json}}}\n"
    )

    assert told == [
        "3:57: programs.b.stop.marker.path: got /srv/app/m.json, "
        "which is the marker of a too (line 2)"
    ]


def test_two_programs_with_one_log_are_an_error() -> None:
    """Whose line is it?"""
    told = messages(
        "programs:\n"
        "  a: {command: x, logs: {path: l}}\n"
        "  b: {command: x, logs: {path: k, stderr: l}}\n"
    )

    assert told == [
        "3:43: programs.b.logs.stderr: got /srv/app/l, which is a log of a too (line 2)"
    ]


def test_a_device_may_be_the_log_of_many() -> None:
    """/dev/null has room for all."""
    text = "defaults: {command: x, logs: {path: /dev/null}}\nprograms: {a: {}, b: {}}\n"

    assert len(plan(text).programs) == 2


@pytest.mark.parametrize(("timeout", "right"), [("34s", False), ("35s", True), ("auto", True)])
def test_a_shutdown_lasts_at_least_as_long_as_the_longest_stop(timeout: str, right: bool) -> None:
    """Else it would cut a drain short that the program was promised."""
    result = compiled(
        f"supervisor: {{shutdown_timeout: {timeout}}}\n"
        "programs: {a: {command: x}, b: {command: x, stop: {drain_timeout: 20s}}}\n"
    )

    assert (result.plan is not None) == right


def test_limits_that_are_not_given_follow_those_that_are() -> None:
    """Only what somebody wrote can contradict."""
    made = program(
        """
        start: {settle: 2m}
        stop: {drain_timeout: 20m}
        restart: {backoff: {first: 3m}, give_up: {within: 10m}}
        """
    )

    assert made.start.timeout == 240.0
    assert made.stop.drain_limit == 1200.0
    assert made.restart.backoff.limit == 180.0
    assert made.restart.give_up is not None
    assert made.restart.give_up.retry_after == 600.0


def test_a_retry_that_nobody_makes_contradicts_nothing() -> None:
    """`none`: when the operator says so."""
    made = program("restart: {give_up: {within: 1h, retry_after: none}}")

    assert made.restart.give_up is not None
    assert made.restart.give_up.retry_after is None
