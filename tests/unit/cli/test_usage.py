"""A command line that cannot be understood: exit 2, one line, and what to write instead."""

from __future__ import annotations

import pytest

from hermes_supervise.cli.ctl import read
from hermes_supervise.cli.main import main
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
