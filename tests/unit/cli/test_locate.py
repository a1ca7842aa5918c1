"""How ``ctl`` finds its supervisor, and what it says when there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermes_supervise.cli.locate import locate
from hermes_supervise.cli.usage import UsageError
from hermes_supervise.model.errors import NotRunning
from hermes_supervise.plan.places import address_file

UID = os.getuid()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary folder is ours."""
    return {"TMPDIR": str(tmp_path / "run")}


# A user who is not root: root's places are fixed, and not for tests to write to.
USER = 4242


def running(config: str, environ: dict[str, str], address: str) -> None:
    """Leave the address that a running supervisor of *config* would leave."""
    place = Path(address_file(config, environ, USER))
    place.parent.mkdir(parents=True)
    place.write_text(address)
    if UID == 0:
        os.chown(place, USER, -1)


needs_chown = pytest.mark.skipif(UID not in (0, USER), reason="files of another user")


def test_a_socket_is_taken_as_written() -> None:
    """It is what the operator said."""
    assert locate(None, "/run/x.sock", {}, USER)[0] == "/run/x.sock"


def test_what_was_written_wins_over_the_environment() -> None:
    """A program that asks about another supervisor has our variable too."""
    environ = {"HERMES_SUPERVISE_SOCKET": "/run/env.sock"}

    assert locate(None, "/run/x.sock", environ, USER)[0] == "/run/x.sock"
    assert locate(None, None, environ, USER)[0] == "/run/env.sock"


@needs_chown
def test_a_file_is_found_by_the_address_left_for_it(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """The file itself is never opened: it may be broken, or gone while its programs run."""
    config = str(tmp_path / "gone.yaml")
    running(config, environ, "/elsewhere/c.sock\n")

    assert locate(config, None, {**environ, "HERMES_SUPERVISE_SOCKET": "/no"}, USER) == (
        "/elsewhere/c.sock",
        f"hermes-supervise -c {config}",
    )


@needs_chown
def test_the_usual_file_is_the_last_resort(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands beside supervisor.yaml need not write anything."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "supervisor.yaml").touch()
    running("supervisor.yaml", environ, "/elsewhere/c.sock\n")

    assert locate(None, None, environ, USER)[0] == "/elsewhere/c.sock"


def test_nothing_to_look_for_says_all_that_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line tells all the ways to say it."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotRunning) as caught:
        locate(None, None, {}, USER)
    for way in ("-c FILE", "--socket", "$HERMES_SUPERVISE_SOCKET", "./supervisor.yaml"):
        assert way in str(caught.value)


def test_no_address_says_where_it_would_be_and_how_to_start(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Another user has another folder: the place in the message tells it."""
    config = tmp_path / "supervisor.yaml"
    config.touch()

    with pytest.raises(NotRunning) as caught:
        locate(str(config), None, environ, USER)
    assert address_file(str(config), environ, USER) in str(caught.value)
    assert f"start it with: hermes-supervise -c {config}" in str(caught.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """A slip in the path is the likeliest reason."""
    with pytest.raises(NotRunning, match="there is no such file"):
        locate(str(tmp_path / "no.yaml"), None, environ, USER)


@pytest.mark.skipif(UID != 0, reason="only root can give a file away")
def test_an_address_from_a_stranger_is_not_trusted(tmp_path: Path, environ: dict[str, str]) -> None:
    """Anybody may make a folder below the temporary one, and be sent our commands."""
    config = str(tmp_path / "supervisor.yaml")
    running(config, environ, "/evil.sock\n")
    os.chown(address_file(config, environ, USER), USER + 1, -1)

    with pytest.raises(NotRunning, match="not trusted"):
        locate(config, None, environ, USER)


def test_tcp_is_not_yet() -> None:
    """Refused with a word, not tried as the name of a file."""
    with pytest.raises(UsageError, match="not yet"):
        locate(None, "tcp://127.0.0.1:1", {}, USER)
