"""The command line as a whole process: what it imports, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fake_server import Caller, FakeServer, row

HEAVY = {
    "argparse",
    "asyncio",
    "dataclasses",
    "email",
    "importlib.metadata",
    "inspect",
    "logging",
    "psutil",
    "pydantic",
    "rich",
    "selectors",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "typing",
    "yaml",
}
"""What no plain ``status`` may import: each costs as much as the answer."""

PROBE = """
import json, sys
before = set(sys.modules)
from hermes_supervise.cli.main import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("flags", [["--json"], [], ["--check"]])
def test_a_plain_status_imports_nothing_heavy(server: FakeServer, flags: list[str]) -> None:
    """``ctl status`` in a shell prompt or a probe must cost little more than Python itself."""
    # -S: what site imports on this machine is neither our doing nor to our credit.
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE, "ctl", "--socket", server.path, "status", *flags],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
    )

    imported = set(json.loads(done.stderr))
    assert imported & HEAVY == set()
    assert len(imported) < 60


def words(server: FakeServer, *more: str) -> list[str]:
    """Return a whole command line."""
    return [sys.executable, "-m", "hermes_supervise", "ctl", "--socket", server.path, *more]


def test_a_reader_that_leaves_early_hears_no_complaint(server: FakeServer) -> None:
    """``ctl status | head -1``."""
    server.rows[:] = [row(f"bot-{number:05}", message="x" * 90) for number in range(3000)]
    with subprocess.Popen(
        words(server, "status"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()

    assert complaint == b""
    assert process.returncode == 0


def on_a_terminal(server: FakeServer, environ: dict[str, str], *more: str) -> str:
    """Return what a command line draws on a terminal of its own."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        words(server, *more),
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30", **environ},
    ):
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed, on Linux
                piece = b""
            if not piece:
                break
            pieces.append(piece)
    os.close(ours)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("count", [2, 300])
def test_a_terminal_gets_colours(server: FakeServer, count: int) -> None:
    """By rich or, of many programs, by hand."""
    server.rows[:] = [row(f"bot-{number}") for number in range(count)]
    text = on_a_terminal(server, {}, "status")

    assert "\x1b[32m● running" in text
    assert "─" in text


@pytest.mark.parametrize("count", [2, 300])
def test_no_color_is_honoured(server: FakeServer, count: int) -> None:
    """On a terminal, whoever draws."""
    server.rows[:] = [row(f"bot-{number}") for number in range(count)]
    text = on_a_terminal(server, {"NO_COLOR": "1"}, "status")

    assert "\x1b" not in text
    assert "● running" in text


def test_a_dumb_terminal_gets_plain_text(server: FakeServer) -> None:
    """An editor's shell shows escape sequences as rubbish."""
    text = on_a_terminal(server, {"TERM": "dumb"}, "status")

    assert text.isascii()
    assert "\x1b" not in text


def test_json_has_no_colours_even_on_a_terminal(server: FakeServer) -> None:
    """What was asked for is a document."""
    text = on_a_terminal(server, {}, "status", "--json")

    assert json.loads(text)["programs"] == server.rows


def test_watch_draws_what_changes_until_q(server: FakeServer) -> None:
    """It takes another screen, and gives back the one it found."""

    def watch(caller: Caller, params: dict[str, Any]) -> None:
        caller.notify("row", {"program": row("chat", phase="draining", pid=99)})
        caller.notify("gone", {"name": "mailer"})
        caller.notify("supervisor", server.supervisor | {"state": "shutting-down"})
        caller.wait(10)

    server.answers["watch"] = watch
    ours, theirs = pty.openpty()
    text = b""
    with subprocess.Popen(
        words(server, "status", "--watch"),
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    ) as process:
        while b"draining" not in text or b"shutting-down" not in text:
            text += os.read(ours, 65536)
        os.write(ours, b"q")
        while b"\x1b[?1049l" not in text:
            text += os.read(ours, 65536)
        code = process.wait(10)
    os.close(ours)
    os.close(theirs)

    assert code == 0
    assert text.startswith(b"\x1b[?1049h")
    assert "● running".encode() in text


def test_followed_logs_show_what_is_written_until_ctrl_c(
    server: FakeServer, tmp_path: Path
) -> None:
    """Across a rotation, and leaving by Ctrl-C is no failure."""
    path = tmp_path / "log"
    path.write_text("one\n")

    def logs(caller: Caller, params: dict[str, Any]) -> None:
        where = {"name": "chat", "mode": "file", "path": str(path), "stderr": None}
        caller.reply({"programs": [where]})

    server.answers["logs"] = logs
    with subprocess.Popen(
        words(server, "logs", "chat", "-f"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        with path.open("a") as file:
            file.write("two\n")
        lines.append(process.stdout.readline())
        path.rename(tmp_path / "log.1")
        path.write_text("three\n")
        lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert (lines, rest) == (["one\n", "two\n", "three\n"], "")
    assert process.returncode == 0


def test_a_waiting_verb_leaves_the_terminal_as_it_was(server: FakeServer) -> None:
    """Its last word shows the cursor again."""
    text = on_a_terminal(server, {}, "stop", "all")

    assert "✓" in text
    assert text.endswith("\x1b[?25h")


def test_a_python_that_cannot_be_run_again_is_told_in_words(tmp_path: Path) -> None:
    """An upgrade may have removed it, or only root may run it: that is no traceback."""
    config = tmp_path / "supervisor.yaml"
    config.write_text("programs: {chat: {command: [sleep, '1']}}\n")
    script = (
        "import sys; from hermes_supervise.cli.main import main; "
        f"sys.executable = '{tmp_path}/python'; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    want = f"hermes-supervise: cannot run {tmp_path}/python: no such file or directory\n"
    assert (done.returncode, done.stderr) == (1, want)
