"""A command line that cannot be understood: exit 2, one line, and what to write instead."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hermes_supervise.cli.ctl import read
from hermes_supervise.cli.main import main
from hermes_supervise.cli.usage import Options
from tests.fakes.fake_server import FakeServer
from tests.unit.cli.conftest import Ctl

MISTAKES = {
    "ctl": "no verb",
    "ctl strat chat": "did you mean start",
    "ctl stop": "NAME",
    "ctl stop chat --timeout 30": "write 30s",
    "ctl stop chat --timeout soon": "250ms, 30s, 5m, 2h or 1d",
    "ctl stop chat --timeout -5s": "--timeout",
    "ctl restart chat --max-parallel 0": "at least 1",
    "ctl logs chat -n many": "want a number",
    "ctl status --jsn": "did you mean --json",
    "ctl status -c x.yaml": "it stands before the verb",
    "ctl -c a.yaml --socket s status": "exclude each other",
    "ctl -x status": "no such option before the verb",
    "ctl -c": "got nothing, want a path",
    "ctl --socket tcp://127.0.0.1:1 status": "tcp is not yet",
    "ctl --token-file t status": "not yet",
    "ctl why chat": "not yet",
    "ctl drain chat": "not yet",
    "ctl undrain chat": "not yet",
    "ctl upgrade": "not yet",
    "ctl --socket s status --deep": "not yet",
    "ctl --socket s start chat --take-over": "not yet",
    "doctor -c x.yaml": "not yet",
    "service install": "not yet",
    "status": "write: hermes-supervise ctl status",
    "chekc x.yaml": "did you mean check",
    "check": "FILE",
    "check a b": "no such option: b",
    "-c x.yaml ctl status": "write: hermes-supervise ctl -c x.yaml status",
    "-c x.yaml -v -q": "not allowed with",
    "-c x.yaml --log-format xml": "invalid choice",
    "": "-c",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_write(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback, never two screens of usage for one wrong letter."""
    code = main(line.split())
    out, err = capsys.readouterr()

    assert code == 2
    assert MISTAKES[line] in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_file_in_the_folder_is_offered(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever stands beside supervisor.yaml meant that one; but running it is said aloud."""
    monkeypatch.chdir(str(tmp_path))
    with open("supervisor.yaml", "w", encoding="utf-8"):
        pass

    assert main([]) == 2
    assert "write: hermes-supervise -c supervisor.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["--help", "ctl --help", "ctl stop --help", "check -h"])
def test_help_is_an_answer(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help goes where output goes, and is no failure."""
    assert main(line.split()) == 0
    assert "usage: hermes-supervise" in capsys.readouterr().out


def test_check_passes_on_what_the_configuration_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for a right file, 3 for a wrong one, and 3 for none."""
    path = tmp_path / "supervisor.yaml"
    path.write_text("programs: {chat: {command: [sh]}}\n")
    right = main(["check", str(path)])
    path.write_text("programs: {chat: {comand: [sh]}}\n")
    wrong = main(["check", str(path)])
    path.unlink()

    assert (right, wrong, main(["check", str(path)])) == (0, 3, 3)
    assert "comand" in capsys.readouterr().err


def test_schema_is_a_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """For an editor."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_the_foreground_gets_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """``run`` becomes the keeper; here only what it is told is looked at."""
    told: list[Options] = []

    def run(options: Options) -> int:
        told.append(options)
        return 6

    monkeypatch.setitem(sys.modules, "hermes_supervise.run", SimpleNamespace(main=run))

    assert main(["-c", "x.yaml", "-q", "--log-format", "json", "--managed"]) == 6
    assert main(["-c", "x.yaml", "-v"]) == 6
    assert main(["-c", "x.yaml"]) == 6
    assert [each.verbosity for each in told] == [-1, 1, 0]
    assert (told[0].config, told[0].log_format, told[0].managed) == ("x.yaml", "json", True)
    assert (told[2].log_format, told[2].managed) == ("text", False)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The first question of every bug report."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hermes-supervise 0.")


@pytest.mark.parametrize(
    "line",
    ["status", "status chat --json", "status --check a b --stats", "status --watch --json x"],
)
def test_the_quick_way_reads_status_as_argparse_does(line: str) -> None:
    """``status`` is read without argparse where it is plain; nobody may see a difference."""
    quick = read(line.split())
    # An option that only argparse knows, here one more repetition, leads the slow way round.
    slow = read([*line.split(), "--"])

    assert quick == slow


def test_options_may_stand_between_names(ctl: Ctl, server: FakeServer) -> None:
    """``stop chat --force mailer`` means two programs."""
    assert ctl("stop", "chat", "--force", "mailer", "--no-wait").code == 0
    assert server.asked == [
        ("stop", {"names": ["chat", "mailer"], "force": True, "drain_timeout": None})
    ]
