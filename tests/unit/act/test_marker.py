"""The planned-stop marker on a real disk."""

from __future__ import annotations

import datetime
import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from hermes_supervise.act.marker import (
    LIFE,
    Target,
    clear_marker,
    marker_sight,
    read_marker,
    write_marker,
)
from hermes_supervise.model.phase import MarkerSight
from hermes_supervise.model.spec import Marker, User

WALL = 1767225600.25
"""2026-01-01 00:00:00.25 UTC."""

TARGET = Target(pid=42, start_time=987654, stopper=7)
LINE = (
    '{"target_pid":42,"target_start_time":987654,"stopper_pid":7,'
    '"written_at":"2026-01-01T00:00:00.250000+00:00"}'
)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "marker.md"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    """A marker in a folder of its own."""
    return Marker(path=str(tmp_path / "marker"), format="hermes")


def written(marker: Marker, target: Target = TARGET, wall: float = WALL) -> str:
    """Write a marker, which must work, and return what stands there."""
    assert write_marker(marker, target, wall, None) == ""
    return Path(marker.path).read_text()


# -- the form -----------------------------------------------------------------------------------


def test_a_hermes_marker_is_this_line_and_nothing_else(marker: Marker) -> None:
    """An unmodified Hermes reads it; with another key it might refuse it for ever."""
    assert written(marker) == LINE


def test_the_page_shows_what_is_written(marker: Marker) -> None:
    """Whoever writes a reader takes the page's word for it."""
    examples = re.findall(r"```json\n(.*)\n```", PAGE.read_text())

    assert examples == [written(marker)]


def test_a_start_time_that_nobody_knows_is_null(marker: Marker) -> None:
    """Then the pid alone decides; a guess would make the target refuse it."""
    text = written(marker, Target(pid=42, start_time=None, stopper=7))

    assert json.loads(text)["target_start_time"] is None


@pytest.mark.parametrize("wall", [0.0, 1.9999999, WALL, 4102444799.999999])
def test_its_time_reads_back_with_its_offset(marker: Marker, wall: float) -> None:
    """Without an offset a Hermes gateway deletes it as stale."""
    stamp = json.loads(written(marker, wall=wall))["written_at"]
    at = datetime.datetime.fromisoformat(stamp)

    assert at.utcoffset() == datetime.timedelta(0)
    assert at.timestamp() == pytest.approx(wall, abs=1e-5)


def test_a_touch_marker_is_empty(tmp_path: Path) -> None:
    """It names nobody: that it is there, and young, is all."""
    assert written(Marker(path=str(tmp_path / "m"), format="touch")) == ""


# -- writing ------------------------------------------------------------------------------------


def test_a_reader_never_meets_half_a_marker(marker: Marker) -> None:
    """A half-written one would be ignored, and kept for ever."""
    seen: set[str] = set()
    going = threading.Event()

    def read() -> None:
        while not going.is_set():
            seen.add(Path(marker.path).read_text())

    written(marker)
    reader = threading.Thread(target=read)
    reader.start()
    lines = {written(marker, wall=float(second)) for second in range(200)}
    going.set()
    reader.join()

    assert seen
    assert seen <= {LINE, *lines}


def test_it_is_on_disk_before_it_is_in_place(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut there is the whole marker or none."""
    order: list[str] = []
    fsync, rename = os.fsync, os.rename

    def recorded_fsync(fd: int) -> None:
        order.append("fsync")
        fsync(fd)

    def recorded_rename(source: str, target: str) -> None:
        order.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "rename", recorded_rename)
    written(marker)

    assert order == ["fsync", "rename"]


def test_it_is_private_whatever_the_umask(marker: Marker) -> None:
    """And a wide umask does not make it readable for others in between."""
    before = os.umask(0)
    try:
        written(marker)
    finally:
        os.umask(before)

    assert stat.S_IMODE(os.stat(marker.path).st_mode) == 0o600


@as_root
def test_it_belongs_to_the_user_of_the_program(marker: Marker) -> None:
    """Root's own would be unreadable for the gateway: an unplanned stop."""
    user = User(name="nobody", uid=65534, gid=65533, groups=(), home="/")

    assert write_marker(marker, TARGET, WALL, user) == ""
    found = os.stat(marker.path)
    assert (found.st_uid, found.st_gid) == (65534, 65533)


def test_no_link_is_followed(marker: Marker, tmp_path: Path) -> None:
    """Whoever owns the folder must not make us write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(marker.path).symlink_to(victim)
    (tmp_path / f".marker.{os.getpid()}.tmp").symlink_to(victim)

    assert written(marker) == LINE
    assert victim.read_text() == "precious"
    assert not Path(marker.path).is_symlink()


def test_a_stale_marker_gives_way(marker: Marker) -> None:
    """The newest request is the one that counts."""
    Path(marker.path).write_text("from another life")

    assert written(marker) == LINE


@pytest.mark.parametrize("broken", ["no folder", "a file for a folder", "a folder in its place"])
def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path, broken: str) -> None:
    """The ladder goes on without it."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    path = {
        "no folder": tmp_path / "none" / "marker",
        "a file for a folder": tmp_path / "file" / "marker",
        "a folder in its place": tmp_path / "folder",
    }[broken]
    before = sorted(tmp_path.rglob("*"))
    error = write_marker(Marker(path=str(path), format="hermes"), TARGET, WALL, None)

    assert error.startswith(f"cannot write the marker {path}: ")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_said(tmp_path: Path) -> None:
    """As above, for everybody but root."""
    tmp_path.chmod(0o500)
    error = write_marker(Marker(path=str(tmp_path / "m"), format="hermes"), TARGET, WALL, None)
    tmp_path.chmod(0o700)

    assert "permission denied" in error


# -- clearing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleared"),
    [
        (LINE, True),
        (LINE.replace('"target_pid":42', '"target_pid":43'), False),
        (LINE.replace('"stopper_pid":7', '"stopper_pid":8'), False),
        ('{"target_pid":42}', False),
        ("[42, 7]", False),
        ("", False),
        ("no JSON", False),
        ("\x00\xff", False),
    ],
)
def test_only_a_marker_that_names_our_target_and_us_is_deleted(
    marker: Marker, text: str, cleared: bool
) -> None:
    """Somebody else may have asked for a stop of his own."""
    Path(marker.path).write_text(text)

    assert clear_marker(marker, {41, 42}, {6, 7}) is cleared
    assert os.path.exists(marker.path) is not cleared


def test_a_link_in_its_place_is_left_alone(marker: Marker, tmp_path: Path) -> None:
    """It is not ours: we never leave one."""
    (tmp_path / "real").write_text(LINE)
    Path(marker.path).symlink_to(tmp_path / "real")

    assert not clear_marker(marker, {42}, {7})
    assert os.path.lexists(marker.path)


@pytest.mark.parametrize(("text", "cleared"), [("", True), ("something", False)])
def test_a_touch_marker_is_deleted_while_it_is_empty(
    tmp_path: Path, text: str, cleared: bool
) -> None:
    """Whatever has content is no marker of this form."""
    marker = Marker(path=str(tmp_path / "m"), format="touch")
    Path(marker.path).write_text(text)

    assert clear_marker(marker, {42}, {7}) is cleared


def test_clearing_what_is_gone_is_no_error(marker: Marker) -> None:
    """The program took it: that is what it is for."""
    assert not clear_marker(marker, {42}, {7})


def test_a_pipe_in_its_place_does_not_hold_us_up(marker: Marker) -> None:
    """Opening one for reading would wait for a writer."""
    os.mkfifo(marker.path)

    assert read_marker(marker.path) in ({}, None)


# -- what became of it --------------------------------------------------------------------------


def test_gone_while_it_was_good_is_an_acknowledgement(marker: Marker) -> None:
    """The program took it."""
    assert marker_sight(marker, LIFE - 1) is MarkerSight.CONSUMED


def test_gone_when_it_was_stale_means_nothing(marker: Marker) -> None:
    """Readers delete a stale one without heeding it."""
    assert marker_sight(marker, LIFE) is MarkerSight.EXPIRED


def test_as_long_as_it_is_there_nobody_has_taken_it(marker: Marker) -> None:
    """Whatever its age."""
    written(marker)

    assert marker_sight(marker, LIFE * 2) is MarkerSight.PRESENT
