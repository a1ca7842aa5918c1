"""What a program finds in its environment."""

from __future__ import annotations

import pytest

from hermes_supervise.model.spec import Marker
from hermes_supervise.plan.environment import (
    SCRUBBED,
    SHORT_LIST,
    inheritable,
    program_environment,
)
from tests.unit.plan.given import launch

OURS = {
    "HERMES_SUPERVISE_NAME": "chat",
    "HERMES_SUPERVISE_RUN_ID": "r1",
    "HERMES_SUPERVISE_SOCKET": "/c.sock",
}


def test_a_program_inherits_gets_its_own_and_is_told_who_it_is() -> None:
    """Later wins; what we say wins last."""
    made = launch(
        environment={"A": "file", "HERMES_SUPERVISE_NAME": "liar"},
        marker=Marker(path="/m", format="hermes"),
    )

    found = program_environment(made, "chat", "r1", inheritable({"A": "old", "B": "b"}), "/c.sock")

    assert found == {"A": "file", "B": "b", **OURS, "HERMES_SUPERVISE_MARKER": "/m"}


def test_a_program_that_inherits_nothing_gets_the_short_list() -> None:
    """All that a program needs to find its way."""
    environ = {**dict.fromkeys(SHORT_LIST, "x"), "SECRET": "y", "LC_ALL": "z"}

    found = program_environment(
        launch(inherit_environment=False), "chat", "r1", inheritable(environ), "/c.sock"
    )

    assert found == {**dict.fromkeys(SHORT_LIST, "x"), **OURS}


@pytest.mark.parametrize(
    "variable",
    [
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
        "MAINPID",
        "MANAGERPID",
        "NOTIFY_SOCKET",
        "SYSTEMD_EXEC_PID",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "FDSTORE",
        "MEMORY_PRESSURE_WATCH",
        "CREDENTIALS_DIRECTORY",
        "_HERMES_GATEWAY",
        "HERMES_S6_SUPERVISED_CHILD",
        "HERMES_SUPERVISE_MARKER",
        "HERMES_SUPERVISE_SOCKET_OF_OURS",
    ],
)
def test_what_our_own_supervisor_set_is_not_passed_on(variable: str) -> None:
    """It speaks of us; a Hermes gateway changes its behaviour by some of it."""
    assert variable not in inheritable({variable: "x", "A": "a"})
    assert variable not in program_environment(launch(), "chat", "r1", {variable: "x"}, "/c")


def test_what_the_file_names_is_passed_on() -> None:
    """Whoever writes it down means it."""
    made = launch(environment={"CREDENTIALS_DIRECTORY": "/c"})

    found = program_environment(made, "chat", "r1", inheritable({}), "/c.sock")

    assert found["CREDENTIALS_DIRECTORY"] == "/c"


def test_a_marker_of_another_program_is_not_passed_on() -> None:
    """A program without a marker must not watch one that the file names by mistake."""
    made = launch(environment={"HERMES_SUPERVISE_MARKER": "/other"})

    assert "HERMES_SUPERVISE_MARKER" not in program_environment(made, "a", "r", {}, "/c")


def test_one_environment_does_not_reach_into_another() -> None:
    """The prepared part is used for every spawn."""
    prepared = inheritable({"A": "a"})

    program_environment(launch(environment={"A": "b"}), "a", "r", prepared, "/c")["C"] = "c"

    assert prepared == {"A": "a"}


def test_each_variable_that_is_scrubbed_has_its_reason() -> None:
    """Somebody will ask why his variable is gone."""
    assert all(": " in reason for reason in SCRUBBED.values())
