"""``check``, and the compile step that hands the plan to a supervisor."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from hermes_supervise.config.command import check, compile_to
from hermes_supervise.plan.codec import decode

ENVIRON = {"HOME": "/home/op", "PATH": "/usr/bin:/bin"}


def checked(folder: Path, text: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a check, the path of the file as F."""
    file = folder / "s.yaml"
    file.write_text(text)
    out, err = io.StringIO(), io.StringIO()
    code = check(str(file), ENVIRON, out, err, uid=1000)
    return code, out.getvalue().replace(str(file), "F"), err.getvalue().replace(str(file), "F")


def test_a_right_file_is_one_line_and_zero(tmp_path: Path) -> None:
    """Scripts read the code, people the line."""
    assert checked(tmp_path, "programs: {a: {command: sh}}") == (0, "F: ok, 1 program\n", "")
    assert checked(tmp_path, "programs: {}")[:2] == (0, "F: ok, 0 programs\n")


def test_a_wrong_file_is_three_with_every_problem(tmp_path: Path) -> None:
    """Nothing on the output, so that a pipe gets nothing wrong."""
    code, out, err = checked(tmp_path, "programs: {a: {umask: 8}, B: {command: x}}")

    assert (code, out) == (3, "")
    assert err.endswith(
        "3 problems. Nothing was changed; the running programs keep the old configuration.\n"
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("command: no-such-program", "no such file here: no-such-program (looked in PATH"),
        ("command: ./no/such", "no such file here: "),
        ("command: sh, directory: /no/such", "no such directory here: /no/such"),
        ("command: sh, environment: {PATH: /no/such}", "no such file here: sh (looked in PATH"),
    ],
)
def test_what_is_not_there_is_a_warning_and_zero(tmp_path: Path, keys: str, told: str) -> None:
    """A file may be checked on another machine than it is for."""
    code, out, err = checked(tmp_path, f"programs: {{a: {{{keys}}}}}")

    assert (code, out) == (0, "F: ok, 1 program\n")
    assert err.startswith("warning: F: programs.a.")
    assert told in err


def test_a_command_is_looked_for_in_the_path_of_the_program(tmp_path: Path) -> None:
    """Not in ours."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gw").touch(mode=0o755)
    text = f"programs: {{a: {{command: gw, environment: {{PATH: '{tmp_path}/bin'}}}}}}"

    assert checked(tmp_path, text)[2] == ""


def test_a_warning_of_the_file_names_its_place(tmp_path: Path) -> None:
    """As a problem does."""
    _, _, err = checked(tmp_path, "programs: {a: {command: sh, for_each: {p: []}}}")

    assert err == (
        "warning: F:1:43: programs.a.for_each.p: an empty list: no program comes of this\n"
    )


def test_a_terminal_that_is_not_utf_8_gets_escapes(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "ä.yaml").write_text("programs: {ü: {command: x}}", encoding="utf-8")
    raw = io.BytesIO()
    err = io.TextIOWrapper(raw, encoding="ascii")

    code = check(str(tmp_path / "ä.yaml"), ENVIRON, io.StringIO(), err, uid=1000)
    err.flush()

    assert code == 3
    assert b"\\xfc" in raw.getvalue()


def test_the_compile_step_writes_the_plan_to_its_descriptor(tmp_path: Path) -> None:
    """All of it, however small the pipe is."""
    lines = "".join(f"  p{n}: {{command: [x, '{'y' * 200}']}}\n" for n in range(500))
    (tmp_path / "s.yaml").write_text(f"programs:\n{lines}")
    err = io.StringIO()

    with (tmp_path / "plan").open("wb") as file:
        code = compile_to(str(tmp_path / "s.yaml"), ENVIRON, file.fileno(), err, uid=1000)
    plan = decode((tmp_path / "plan").read_text())

    assert (code, err.getvalue()) == (0, "")
    assert len(plan.programs) == 500


def test_the_compile_step_writes_nothing_when_there_is_a_problem(tmp_path: Path) -> None:
    """Half a plan would be worse than none."""
    read, write = os.pipe()
    err = io.StringIO()

    code = compile_to(str(tmp_path / "no.yaml"), ENVIRON, write, err)
    os.close(write)
    written = os.read(read, 1)
    os.close(read)

    assert (code, written) == (3, b"")
    assert "no such file" in err.getvalue()
