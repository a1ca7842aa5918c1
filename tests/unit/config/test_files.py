"""Files that are none, and what a compile step may do to the process that runs it."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

from hermes_supervise.config.compile import compile_file
from tests.unit.config.given import unprivileged

ENVIRON = {"HOME": "/home/op"}


def told(path: Path | str) -> str:
    """Return the only problem of the file, without its path."""
    (only,) = compile_file(str(path), ENVIRON, uid=1000).problems
    return str(only).replace(str(path), "F")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """Not a traceback; deleted configurations happen while a supervisor runs."""
    assert told(tmp_path / "no.yaml") == "F:1:1: no such file: F"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """The usual slip with tab completion."""
    assert told(tmp_path) == "F:1:1: got a directory, want a file"


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    """A reload must not hang."""
    os.mkfifo(tmp_path / "pipe")

    assert told(tmp_path / "pipe") == "F:1:1: got a device or a pipe, want a file"


def test_a_file_that_may_not_be_read_says_who_we_are(tmp_path: Path) -> None:
    """So that the right user gets the right."""
    (tmp_path / "f").touch(mode=0)

    with unprivileged():
        expected = f"may not be read by uid {os.geteuid()}: permission denied"

        assert expected in told(tmp_path / "f")


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a: \xe4\n", "a: b".encode("utf-16"), b"\x80"])
def test_bytes_that_are_no_text_are_told_at_the_first_sign(tmp_path: Path, raw: bytes) -> None:
    """There is no column in bytes."""
    (tmp_path / "f").write_bytes(raw)

    assert told(tmp_path / "f").startswith("F:1:1: got bytes that are not UTF-8 (in line 1)")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    """Some editors write one."""
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfprograms: {}\n")

    assert compile_file(str(tmp_path / "f"), ENVIRON, uid=1000).plan is not None


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """Its size is bounded before it is read."""
    with (tmp_path / "f").open("wb") as file:
        file.truncate(1 << 30)

    assert told(tmp_path / "f") == "F:1:1: got more than 4 MB, want a shorter file"


def test_a_name_with_a_nul_is_no_file() -> None:
    """Python raises another error for it than for a missing file."""
    assert "a file name cannot hold a NUL character" in told("a\0b")


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    """File names are bytes."""
    assert "\\udcff" in told(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))


def test_paths_are_relative_to_the_folder_by_which_the_file_was_named(tmp_path: Path) -> None:
    """A link is not followed: what it points to may be replaced, as in a Kubernetes volume."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "s.yaml").write_text("programs: {a: {command: x}}\n")
    (tmp_path / "link.yaml").symlink_to("real/s.yaml")

    linked = compile_file(str(tmp_path / "link.yaml"), ENVIRON, uid=1000).plan
    real = compile_file(str(tmp_path / "real" / "s.yaml"), ENVIRON, uid=1000).plan

    assert linked is not None
    assert real is not None
    assert linked.config == str(tmp_path / "link.yaml")
    assert linked.programs[0].launch.directory == str(tmp_path)
    assert linked.settings == real.settings


def test_compiling_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    """It is switched off while thousands of values are made."""
    compile_file(str(tmp_path / "no.yaml"), ENVIRON)
    compile_file(__file__, ENVIRON)

    assert gc.isenabled()


def test_a_small_stack_is_enough(tmp_path: Path) -> None:
    """Nothing recurses with the text; a deep one is refused and not followed."""
    (tmp_path / "f").write_text("[" * 1_000_000)
    results: list[str] = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(told(tmp_path / "f")))
        thread.start()
        thread.join(timeout=30)
    finally:
        threading.stack_size(before)

    assert results == ["F:1:41: nested more than 40 levels deep"]
