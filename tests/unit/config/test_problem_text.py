"""What a user with bad YAML reads."""

from __future__ import annotations

from hermes_supervise.config.problems import Problem, render
from tests.unit.config.given import compiled

BAD = """\
programs:
  gateway:
    command: [gw]
    restart: {policy: no}
    stop:
      drain_timeuot: 30s
"""

TOLD = """\
s.yaml:4:23: programs.gateway.restart.policy: got false, want always, on-failure or never
    4 |     restart: {policy: no}
      |                       ^^
  YAML reads a bare `no` as false.
  write:  policy: never

s.yaml:6:7: programs.gateway.stop.drain_timeuot: no such key
    6 |       drain_timeuot: 30s
      |       ^^^^^^^^^^^^^
  write:  drain_timeout: 30s

2 problems. Nothing was changed; the running programs keep the old configuration.
"""


def test_every_problem_is_told_at_once_with_its_line_and_its_cure() -> None:
    """One look at the file is enough to mend it."""
    assert render(compiled(BAD).problems) == TOLD


def test_a_single_problem_is_counted_in_the_singular() -> None:
    """Small things make people trust the rest."""
    assert "1 problem. Nothing" in render(compiled("programs: {a: {}}").problems)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    """A file from elsewhere cannot draw on the operator's screen."""
    text = render(compiled('programs: {"\\e[2J": {command: x}}').problems)

    assert "\x1b" not in text
    assert "\\x1b[2J" in text


def test_a_very_long_line_is_shown_around_the_place() -> None:
    """The caret is under the word, and the terminal is not flooded."""
    text = render(compiled(f"programs: {{a: {{command: {'x' * 300}, umask: 8}}}}").problems)

    line, caret = text.splitlines()[1:3]
    assert len(line) < 140
    assert line[caret.index("^")] == "8"


def test_a_tab_in_the_line_keeps_the_caret_in_place() -> None:
    """A tab is one column for YAML and many for a terminal."""
    text = render(compiled("programs:\n  a: {command: x,\tumask: 8}").problems)

    line, caret = text.splitlines()[1:3]
    assert line[caret.index("^")] == "8"


def test_hundreds_of_problems_are_counted_and_not_all_written() -> None:
    """The first ones matter; the rest is usually the same mistake."""
    problems = [Problem(file="f", line=n, column=1, key="k", message="m") for n in range(1, 251)]

    text = render(problems)

    assert "… and 50 more" in text
    assert "250 problems." in text


def test_values_of_variables_are_not_shown() -> None:
    """Problems end in logs, and the environment is where secrets live."""
    text = render(
        compiled(
            """
            programs:
              a: {command: x, environment: {TOKEN: hunter2, 7up: 010}, umask: 8}
              b:
                command: x
                environment:
                  PIN: 0123
                  KEY: |
                    hunter2
                  KEY: hunter2
                  OTHER: ${NOPE}hunter2
            """
        ).problems
    )

    assert "TOKEN: *******" in text
    assert "umask: 8" in text
    for secret in ("hunter2", "0123", "83"):
        assert secret not in text.replace("s.yaml:", "")


def test_a_text_that_is_no_yaml_does_not_show_a_variable() -> None:
    """Where the text cannot be read to its end nobody knows where values begin."""
    text = render(compiled("programs:\n  a:\n    environment:\n      TOKEN: @hunter2\n").problems)

    assert "hunter2" not in text
    assert "s.yaml:4:14: this is not YAML" in text


def test_a_mapping_of_variables_that_is_replaced_is_covered_too() -> None:
    """The same key twice drops the first from the values, but not from the text."""
    environment = "environment: {A: hunter2, A: hunter2}"
    text = render(compiled(f"programs: {{a: {{{environment}, {environment}}}}}").problems)

    assert "the same key twice" in text
    assert "hunter2" not in text
