"""Probes: pass, fail, or could not be asked; and never a crash or a wait."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path

import pytest

from hermes_supervise import clock
from hermes_supervise.loop import Loop
from hermes_supervise.model.spec import FileProbe, TcpProbe, UnlockedProbe
from hermes_supervise.observe.probes import Asker, ask_file, ask_unlocked

WALL = 1767225600.0


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_is_there_or_gone(tmp_path: Path, exists: bool) -> None:
    """``exists: false`` passes when it is gone."""
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.touch()

    assert ask_file(FileProbe(path=str(there), exists=exists), None, WALL) is exists
    assert ask_file(FileProbe(path=str(gone), exists=exists), None, WALL) is not exists


def test_a_file_below_a_file_is_gone(tmp_path: Path) -> None:
    """Not an error: nothing can be there."""
    (tmp_path / "file").touch()

    assert ask_file(FileProbe(path=str(tmp_path / "file" / "x"), exists=False), None, WALL) is True


def test_a_file_that_is_too_old_fails(tmp_path: Path) -> None:
    """``max_age`` counts from its last change."""
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (WALL, WALL))
    probe = FileProbe(path=str(path), max_age=10.0)

    assert ask_file(probe, None, WALL + 9.0) is True
    assert ask_file(probe, None, WALL + 11.0) is False


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        ({"state": "draining"}, {"state": "draining"}, True),
        ({"state": "running"}, {"state": "draining"}, False),
        ({}, {"state": "draining"}, False),
        ({"n": 1}, {"n": 1}, True),
        ({"n": True}, {"n": 1}, False),
        ({"n": 0}, {"n": False}, False),
        ({"n": None}, {"n": None}, True),
        ({"pid": 42}, {"pid": "{pid}"}, True),
        ({"pid": "42"}, {"pid": "{pid}"}, True),
        ({"pid": 43}, {"pid": "{pid}"}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ([1], {"a": 1}, False),
    ],
)
def test_the_fields_of_a_json_file_have_to_be_as_wanted(
    tmp_path: Path, found: object, wanted: dict[str, object], answer: bool
) -> None:
    """True is not 1, and ``{pid}`` is the main process."""
    path = tmp_path / "status.json"
    path.write_text(json.dumps(found))

    assert ask_file(FileProbe(path=str(path), json=wanted), 42, WALL) is answer


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 200_000, b"\xff\xfe", b"1" * 10_000])
def test_a_file_that_is_no_json_fails_and_harms_nobody(tmp_path: Path, text: bytes) -> None:
    """A program may be in the middle of writing it, or be hostile."""
    path = tmp_path / "status.json"
    path.write_bytes(text)

    assert ask_file(FileProbe(path=str(path), json={"a": 1}), None, WALL) is False


def test_a_pipe_in_place_of_a_file_does_not_make_us_wait(tmp_path: Path) -> None:
    """Opening one would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")

    assert ask_file(FileProbe(path=str(tmp_path / "pipe"), json={"a": 1}), None, WALL) is False


def test_a_folder_in_place_of_a_file_could_not_be_asked(tmp_path: Path) -> None:
    """Neither a pass nor a failure."""
    assert ask_file(FileProbe(path=str(tmp_path), json={"a": 1}), None, WALL) is None


def test_a_lock_that_somebody_holds_is_seen(tmp_path: Path) -> None:
    """And one that is free or not there passes."""
    path = tmp_path / "lock"
    probe = UnlockedProbe(path=str(path))
    missing = ask_unlocked(probe)
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = ask_unlocked(probe)
    free = ask_unlocked(probe)

    assert (missing, held, free) == (True, False, True)


class Spot:
    """A loop that goes round until a probe has answered."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.answers = 0

    def answered(self) -> None:
        """The probe says that it knows now."""
        self.answers += 1
        self.loop.stop()

    def ask(self, probe: TcpProbe) -> bool | None:
        """Ask until there is an answer, two seconds at most."""
        asker = Asker(probe, self.loop, self.answered)
        answer = asker.ask(None)
        if answer is None:
            self.loop.at(clock.now().at + 2.0, self.loop.stop)
            self.loop.run()
            answer = asker.answer
        asker.close()
        return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_port_is_open_or_closed(host: str, wanted: bool) -> None:
    """``open: false`` passes when nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listening = Spot().ask(TcpProbe(port=port, host=host, open=wanted))
    closed = Spot().ask(TcpProbe(port=port, host=host, open=wanted))

    assert (listening, closed) == (wanted, not wanted)


def test_a_name_that_would_have_to_be_looked_up_is_not_asked() -> None:
    """A look-up waits for as long as a name server likes."""
    asker = Asker(TcpProbe(port=1, host="gateway.invalid"), Loop(), lambda: None)

    assert asker.ask(None) is None
    asker.close()
