"""Reading logs: from the end, as they grow, across everything that rotation does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.cli import logs
from hermes_supervise.cli.tail import BLOCK, Tail
from tests.fakes.fake_server import Caller, FakeServer
from tests.unit.cli.conftest import Ctl


def where(*programs: tuple[str, str | None, str | None]) -> Any:
    """Return an answer that says where the output of *programs* lies."""

    def answer(caller: Caller, params: dict[str, Any]) -> None:
        rows = [
            {"name": name, "mode": "file" if path else "inherit", "path": path, "stderr": stderr}
            for name, path, stderr in programs
        ]
        caller.reply({"programs": rows})

    return answer


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b"\0", b""))))
def test_the_last_lines_are_the_last_lines(lines: list[bytes]) -> None:
    """Whatever bytes a program writes."""
    path = "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"
    name = os.path.join(path, f"tail-{os.getpid()}")
    Path(name).write_bytes(b"".join(line + b"\n" for line in lines))
    tail = Tail(name)
    try:
        got = tail.last(3)
    finally:
        tail.close()
        os.unlink(name)

    assert got == b"".join(line + b"\n" for line in lines[-3:])


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_lines_longer_than_a_block_are_whole(tmp_path: Path, size: int) -> None:
    """A stack trace as one JSON line is long."""
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"x" * size + b"\n")

    assert Tail(str(path)).last(1) == b"x" * size + b"\n"


def test_a_line_that_is_not_finished_counts(tmp_path: Path) -> None:
    """It is what the program says right now."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")

    assert Tail(str(path)).last(2) == b"two\nthr"


@pytest.mark.parametrize("hole", [5, BLOCK, 2 * BLOCK + 7])
def test_leading_nuls_are_no_output(tmp_path: Path, hole: int) -> None:
    """A live file may begin with NULs, where its older part was cut out."""
    path = tmp_path / "log"
    path.write_bytes(b"\0" * hole + b"one\ntwo\n")

    assert Tail(str(path)).last(100) == b"one\ntwo\n"


def test_nothing_is_asked_for(tmp_path: Path) -> None:
    """``-n 0 -f`` begins with what comes."""
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    tail = Tail(str(path))

    assert tail.last(0) == b""
    with path.open("ab") as file:
        file.write(b"two\n")
    assert tail.more() == b"two\n"


def test_a_renamed_file_is_read_to_its_end_and_then_its_successor(tmp_path: Path) -> None:
    """Lines written between our look and the rename are in the old one."""
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    tail = Tail(str(path))
    tail.last(1)
    with path.open("ab") as file:
        path.rename(tmp_path / "log.1")
        file.write(b"two\n")
    path.write_bytes(b"three\n")

    assert tail.more() == b"two\nthree\n"
    assert tail.more() == b""


def test_a_truncated_file_is_read_from_its_begin(tmp_path: Path) -> None:
    """``copytruncate``; a writer with its old position leaves a hole, which is no output."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    tail = Tail(str(path))
    tail.last(1)
    path.write_bytes(b"\0\0\0x\n")

    assert tail.more() == b"x\n"


def test_a_file_that_comes_later_is_read_whole(tmp_path: Path) -> None:
    """A program that never started has no log yet."""
    path = tmp_path / "log"
    tail = Tail(str(path))

    assert tail.last(10) == b""
    assert tail.more() == b""
    path.write_bytes(b"one\n")
    assert tail.more() == b"one\n"


def test_a_file_that_was_deleted_and_made_again_is_followed(tmp_path: Path) -> None:
    """An operator who cleans up must not have to start ``logs -f`` again."""
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    tail = Tail(str(path))
    tail.last(1)
    path.unlink()

    assert tail.more() == b""
    path.write_bytes(b"two\n")
    assert tail.more() == b"two\n"


def test_one_program_is_printed_byte_for_byte(
    server: FakeServer, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Output is not ours to decode."""
    path = tmp_path / "log"
    path.write_bytes(b"old\n\xff\xfe\x00 bytes\r\nlast")
    server.answers["logs"] = where(("chat", str(path), None))
    from hermes_supervise.cli.main import main

    assert main(["ctl", "--socket", server.path, "logs", "chat", "-n", "2"]) == 0
    assert capfdbinary.readouterr().out == b"\xff\xfe\x00 bytes\r\nlast"


def test_several_programs_say_which_line_is_whose(
    server: FakeServer, ctl: Ctl, tmp_path: Path
) -> None:
    """One prefix a line, aligned."""
    for name in ("chat", "mailer"):
        (tmp_path / name).write_text(f"{name} one\n{name} two")
    server.answers["logs"] = where(
        ("chat", str(tmp_path / "chat"), None), ("mailer", str(tmp_path / "mailer"), None)
    )

    assert ctl("logs", "all", "-n", "1").out.splitlines() == [
        "chat   | chat two",
        "mailer | mailer two",
    ]


def test_two_programs_never_share_a_line() -> None:
    """Half a line waits for its end while others are followed."""
    source = logs.Source(b"chat | ", "unused")

    assert source.lines(b"one\ntw", whole=False) == b"chat | one\n"
    assert source.lines(b"o\n", whole=False) == b"chat | two\n"


def test_output_that_is_in_no_file_is_said_to_be_elsewhere(server: FakeServer, ctl: Ctl) -> None:
    """In a container the output is the container's."""
    server.answers["logs"] = where(("chat", None, None))
    said = ctl("logs", "chat")

    assert said.code == 1
    assert "goes where the supervisor's own output goes" in said.err


def test_a_log_that_cannot_be_read_is_said_and_is_no_traceback(
    server: FakeServer, ctl: Ctl, tmp_path: Path
) -> None:
    """A folder stands for everything that is no readable file: root may read all others."""
    server.answers["logs"] = where(("chat", str(tmp_path), None))
    said = ctl("logs", "chat")

    assert said.code == 1
    assert said.err == f"{tmp_path}: is a directory\n"


def test_a_separate_stderr_is_shown_too(server: FakeServer, ctl: Ctl, tmp_path: Path) -> None:
    """What a program complains of is what one looks for."""
    (tmp_path / "out").write_text("fine\n")
    (tmp_path / "err").write_text("not fine\n")
    server.answers["logs"] = where(("chat", str(tmp_path / "out"), str(tmp_path / "err")))

    assert ctl("logs", "chat").out == "fine\nnot fine\n"
