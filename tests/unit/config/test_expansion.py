"""``${VAR}``, ``{KEY}``, environment files and where a variable is looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_supervise.config.envfile import parse_environment
from hermes_supervise.config.problems import render
from tests.unit.config.given import ENVIRON, compiled, messages, program


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${HOME}/x", "/home/op/x"),
        ("${NOPE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("${NOPE:-}", ""),
        ("${NOPE:-${HOME}}", "/home/op"),
        ("$$", "$"),
        ("$${HOME}", "${HOME}"),
        ("$HOME $1 $", "$HOME $1 $"),
        ("a}b{c} {1} {}", "a}b{c} {1} {}"),
        ("${DOLLAR}", "${HOME}"),
    ],
)
def test_a_text_is_filled_in_once(text: str, filled: str) -> None:
    """What was filled in is a value, whatever signs it has."""
    made = program(f"environment: {{X: '{text}'}}", {**ENVIRON, "DOLLAR": "${HOME}"})

    assert made.launch.environment == {"X": filled}


def test_a_variable_that_is_not_set_is_an_error() -> None:
    """An empty text in its place would be found much later."""
    assert messages('programs:\n  a: {command: [x, "${NOPE}"]}\n') == [
        "2:20: programs.a.command.1: the variable NOPE is not set"
    ]


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A", "${A:=b}", "${A-b}", "${A B}"])
def test_what_looks_like_a_variable_and_is_none_is_an_error(text: str) -> None:
    """The shell knows many forms; we know two."""
    (told,) = messages(f"programs:\n  a: {{command: [x, '{text}']}}\n")

    assert "want ${VAR} or ${VAR:-default}" in told


def test_a_command_of_one_text_is_split_before_it_is_filled_in() -> None:
    """A blank in a value makes no two arguments of one."""
    made = program("command: gw --home ${DIR} --x", {**ENVIRON, "DIR": "/a b/c"})

    assert made.launch.argv == ("gw", "--home", "/a b/c", "--x")


def test_times_and_words_may_be_filled_in() -> None:
    """Every text of a program, not only its paths."""
    environ = {**ENVIRON, "DRAIN": "9s", "POLICY": "never"}

    made = program("stop: {drain_timeout: '${DRAIN}'}\nrestart: {policy: '${POLICY}'}", environ)

    assert (made.stop.drain_timeout, made.restart.policy) == (9.0, "never")


def test_a_time_that_is_filled_in_wrongly_is_told_with_its_value() -> None:
    """The value comes from elsewhere; the place is ours."""
    (told,) = messages(
        "programs: {a: {command: x, stop: {drain_timeout: '${D}'}}}", environ={"D": "soon"}
    )

    assert 'got "soon", want a time' in told


def test_a_time_that_cannot_be_filled_in_is_told_once() -> None:
    """Nothing is worked out with a value that is not there."""
    text = """
        supervisor: {shutdown_timeout: 1m}
        programs:
          a: {command: x, stop: {drain_timeout: "${NOPE}"}}
        """

    assert len(messages(text)) == 1


def test_the_supervisors_section_is_filled_in() -> None:
    """State often lies below a variable of the container."""
    result = compiled("{supervisor: {state_dir: '${D}/s'}, programs: {}}", {"D": "/data"})

    assert result.plan is not None
    assert result.plan.settings.state_dir == "/data/s"
    assert len(messages("supervisor: {state_dir: '${NOPE}'}\nprograms: {}\n")) == 1


def test_the_interpreter_that_runs_us_is_known() -> None:
    """So that the example works anywhere."""
    import sys

    text = "command: ['${HERMES_SUPERVISE_PYTHON}', -m, x]"

    assert program(text).launch.argv[0] == sys.executable
    assert program(text, {"HERMES_SUPERVISE_PYTHON": "/py"}).launch.argv[0] == "/py"


def test_a_text_that_grows_without_end_is_refused() -> None:
    """A large variable, named very often."""
    text = "${BIG}" * 3000
    (told,) = messages(f"programs: {{a: {{command: [x, '{text}']}}}}", environ={"BIG": "x" * 1000})

    assert "longer than 1 MB" in told


# Environment files


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=", ""),
        ("A=b c # not this", "b c"),
        ("A=b#c", "b#c"),
        ("A=#c", ""),
        ("A='b # ${X} \\n'  # c", "b # ${X} \\n"),
        ('A="b\\n\\t\\"\\\\\\$x" # c', 'b\n\t"\\$x'),
        ("A=a=b", "a=b"),
        ("A.b-c=d", "d"),
    ],
)
def test_a_line_of_an_environment_file_is_read(line: str, value: str) -> None:
    """The forms that people use."""
    variables, problems = parse_environment("f", f"# comment\n\n{line}\n")

    assert problems == []
    assert list(variables.values()) == [value]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("secret", "f:2:1: want KEY=VALUE, or a comment with #"),
        ("  =secret", "f:2:3: want KEY=VALUE, or a comment with #"),
        ("1A=secret", "f:2:1: want KEY=VALUE, or a comment with #"),
        ("A='secret", "f:2:3: A: got a ' that is never closed"),
        ('A="secret', 'f:2:3: A: got a " that is never closed'),
        ("A='secret' x", "f:2:3: A: got text after the closing '"),
        ("A=secr\0et", "f:2:3: A: got a NUL character, want text"),
    ],
)
def test_a_wrong_line_of_an_environment_file_is_told_and_not_shown(line: str, told: str) -> None:
    """It is where secrets live."""
    _, (problem,) = parse_environment("f", f"A=b\n{line}\n")

    assert str(problem).startswith(told)
    assert "secr" not in render([problem])


def test_a_very_long_line_of_an_environment_file_takes_no_time() -> None:
    """Blanks without end must not be tried again and again."""
    variables, _ = parse_environment("f", f"A={' ' * 300_000}x{' ' * 300_000}y\n")

    assert variables["A"].startswith("x")


def test_environment_files_come_before_the_environment_and_later_ones_win(tmp_path: Path) -> None:
    """Inherited, files in their order, then `environment`."""
    (tmp_path / "one.env").write_text("A=1\nB=1\nC=1\n")
    (tmp_path / "two.env").write_text("B=2\nC=2\n")

    made = program(
        "environment_file: [one.env, two.env]\nenvironment: {C: '3', D: '${A}${HOME}'}",
        folder=str(tmp_path),
    )

    assert made.launch.environment == {"A": "1", "B": "2", "C": "3", "D": "1/home/op"}


def test_the_environment_wins_over_a_file_when_a_text_is_filled_in(tmp_path: Path) -> None:
    """What the operator sets by hand is what he means."""
    (tmp_path / ".env").write_text("HOME=/other\n")

    made = program("environment_file: [.env]\ndirectory: ${HOME}", folder=str(tmp_path))

    assert made.launch.directory == "/home/op"


def test_a_missing_environment_file_is_an_error_at_its_place(tmp_path: Path) -> None:
    """A program without its secrets fails in a way that nobody understands."""
    (problem,) = compiled(
        "programs:\n  a: {command: x, environment_file: [no.env]}\n", folder=str(tmp_path)
    ).problems

    assert str(problem) == (
        f"s.yaml:2:38: programs.a.environment_file.0: no such file: {tmp_path}/no.env"
    )
    assert problem.note is not None
    assert "Make the file" in problem.note


def test_a_problem_in_an_environment_file_names_that_file_once(tmp_path: Path) -> None:
    """Two programs share the file; it is wrong once."""
    (tmp_path / ".env").write_text("A=1\noops\n")

    told = messages(
        "defaults: {command: x, environment_file: [.env]}\nprograms: {a: {}, b: {}}\n",
        folder=str(tmp_path),
    )

    assert told == [f"{tmp_path}/.env:2:1: want KEY=VALUE, or a comment with #"]
