"""Deeds on a fake backend, and markers on a real disk."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hermes_supervise.act.execute import Executor
from hermes_supervise.entry import Entry
from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import Phase
from hermes_supervise.model.spec import Launch, Logs, Marker, Program, Stop
from tests.fakes.fake_backend import FakeBackend, FakeTree, Machine

RUN, STOPPER = "run-1", 7


class WatchingBackend(FakeBackend):
    """Remembers whether the marker stood there when the signal was sent."""

    path = ""
    marked: tuple[bool, ...] = ()

    def signal(self, run_id: str, number: int) -> bool:
        """Look, then send."""
        self.marked = (*self.marked, os.path.exists(self.path))
        return super().signal(run_id, number)


class Stage:
    """One program with a child, its marker, and an executor."""

    def __init__(self, folder: Path, *, pid_file: str | None = None, **stop: Any) -> None:
        self.path = folder / "marker"
        marker = Marker(path=str(self.path), format="hermes", pid_file=pid_file)
        launch = Launch(
            argv=("family",),
            directory="/",
            environment={},
            inherit_environment=False,
            user=None,
            umask=None,
            backend="auto",
            logs=Logs(mode="inherit"),
            marker=marker,
        )
        program = Program(name="chat", group="chat", revision="1", launch=launch, stop=Stop(**stop))
        self.machine = Machine()
        self.tree: FakeTree = self.machine.make(RUN, launch.argv)
        memory = Memory(phase=Phase.DRAINING, run_id=RUN, process=self.tree.process, marker_at=1.0)
        self.entry = Entry(program, Intent(), memory, in_file=True)
        self.woken: list[str] = []
        self.backend = WatchingBackend(self.machine, self.woken.append)
        self.backend.path = str(self.path)
        self.executor = Executor(self.backend, STOPPER, {STOPPER})

    def do(self, *deeds: Deed) -> list[Event]:
        """Do deeds about the run."""
        process = self.tree.process
        actions = [
            Action(deed=deed, run_id=RUN, number=n, process=process)
            for n, deed in enumerate(deeds, start=1)
        ]
        return self.executor.do(tuple(actions), self.entry, self.entry.memory)

    @property
    def child(self) -> int:
        """The process below the main one."""
        return next(iter(self.tree.children))

    def target(self) -> int:
        """Whom the marker names."""
        return int(json.loads(self.path.read_text())["target_pid"])


def told(events: list[Event], kind: str) -> dict[str, Any]:
    """Return what the one event of a kind tells."""
    (event,) = [event for event in events if event.kind == kind]
    return event.data or {}


def test_the_signal_finds_its_marker_in_place(tmp_path: Path) -> None:
    """A program that is asked by signal looks for the marker at once."""
    stage = Stage(tmp_path)
    events = stage.do(Deed.WRITE_MARKER, Deed.REQUEST_STOP)

    assert [event.kind for event in events] == ["marker", "signal"]
    assert stage.backend.marked == (True,)
    assert stage.backend.signals == [(RUN, signal.SIGTERM)]
    assert told(events, "signal")["sent"] is True
    assert 0 <= told(events, "signal")["after_marker_ms"] < 20
    assert stage.target() == stage.tree.process.pid


def test_the_tree_is_noted_before_anything_is_asked(tmp_path: Path) -> None:
    """Afterwards it may have fallen apart."""
    stage = Stage(tmp_path)
    child = stage.child
    stage.do(Deed.REQUEST_STOP)

    assert stage.backend.former_members(RUN) == {child}


def test_a_marker_that_cannot_be_written_does_not_stop_the_ladder(tmp_path: Path) -> None:
    """Better an unplanned stop than none; and the history says so."""
    stage = Stage(tmp_path / "missing")
    events = stage.do(Deed.WRITE_MARKER, Deed.REQUEST_STOP)

    assert [event.kind for event in events] == ["marker-failed", "signal"]
    assert "no such file or directory" in told(events, "marker-failed")["error"]
    assert stage.backend.signals == [(RUN, signal.SIGTERM)]
    assert stage.entry.marker_failed, "what was never there was not taken either"


def test_a_marker_that_works_again_counts_again(tmp_path: Path) -> None:
    """The refresh finds the folder back."""
    stage = Stage(tmp_path / "missing")
    stage.do(Deed.WRITE_MARKER)
    (tmp_path / "missing").mkdir()
    events = stage.do(Deed.WRITE_MARKER)

    assert [event.kind for event in events] == ["marker"]
    assert not stage.entry.marker_failed


def test_without_a_stop_signal_the_marker_alone_asks(tmp_path: Path) -> None:
    """``signal: none``."""
    stage = Stage(tmp_path, signal=None)
    events = stage.do(Deed.WRITE_MARKER, Deed.REQUEST_STOP)

    assert [event.kind for event in events] == ["marker"]
    assert stage.backend.signals == []


def test_a_pid_file_may_name_the_child_or_a_descendant(tmp_path: Path) -> None:
    """A launcher's gateway is below what we started."""
    file = tmp_path / "pid"
    stage = Stage(tmp_path, pid_file=str(file))
    for pid in (stage.tree.process.pid, stage.child):
        file.write_text(str(pid))
        events = stage.do(Deed.WRITE_MARKER)

        assert [event.kind for event in events] == ["marker"]
        assert stage.target() == pid


@pytest.mark.parametrize(
    ("text", "why"),
    [("1", "names pid 1, not a process of ours"), ("nonsense", "names nobody"), (None, "nobody")],
)
def test_a_pid_file_that_names_somebody_else_does_not_count(
    tmp_path: Path, text: str | None, why: str
) -> None:
    """It is stale, or forged; the marker names the child, and the history says why."""
    file = tmp_path / "pid"
    if text is not None:
        file.write_text(text)
    stage = Stage(tmp_path, pid_file=str(file))
    events = stage.do(Deed.WRITE_MARKER)

    assert why in told(events, "marker-target")["why"]
    assert stage.target() == stage.tree.process.pid


def test_our_marker_is_cleared_and_another_is_not(tmp_path: Path) -> None:
    """ClearMarker comes at every end, also where somebody else asked for the stop."""
    stage = Stage(tmp_path)
    stage.do(Deed.WRITE_MARKER, Deed.CLEAR_MARKER)
    gone = not stage.path.exists()
    Executor(stage.backend, 8, {8}).do(
        (Action(deed=Deed.WRITE_MARKER, run_id=RUN, number=3, process=stage.tree.process),),
        stage.entry,
        stage.entry.memory,
    )
    stage.do(Deed.CLEAR_MARKER)

    assert gone
    assert stage.path.exists()


def test_a_marker_for_a_descendant_is_cleared_although_nobody_remembers_it(tmp_path: Path) -> None:
    """The supervisor that named it was killed; no marker of ours may stay (law 9)."""
    file = tmp_path / "pid"
    stage = Stage(tmp_path, pid_file=str(file))
    dead = 2**22 + 1  # above the largest number that a process can have
    stage.tree.children = {dead}
    file.write_text(str(dead))
    stage.do(Deed.WRITE_MARKER)
    assert stage.target() == dead
    stage.backend.noted.clear()
    stage.do(Deed.CLEAR_MARKER)

    assert not stage.path.exists()


@pytest.mark.parametrize("tree", [True, False])
def test_force_takes_the_tree_or_leaves_it_as_configured(tmp_path: Path, tree: bool) -> None:
    """``force: {tree: false}`` is for programs whose children are somebody else's business."""
    stage = Stage(tmp_path, force_tree=tree)
    events = stage.do(Deed.FORCE_STOP)

    assert stage.backend.forced == [(RUN, tree)]
    assert told(events, "force") == {"tree": tree}


def test_the_stop_signal_by_hand_gets_a_marker_first_and_others_do_not(tmp_path: Path) -> None:
    """``ctl signal NAME SIGTERM`` is a planned stop to the program too."""
    stage = Stage(tmp_path)
    stage.executor.signal_marked(stage.entry, signal.SIGUSR1)
    unmarked = stage.backend.marked
    stage.executor.signal_marked(stage.entry, signal.SIGTERM)

    assert unmarked == (False,)
    assert stage.backend.marked == (False, True)


def test_a_run_that_was_never_seen_gets_no_marker(tmp_path: Path) -> None:
    """There is nobody to name."""
    stage = Stage(tmp_path)
    stage.entry.memory = replace(stage.entry.memory, process=None)
    action = Action(deed=Deed.WRITE_MARKER, run_id=RUN, number=1)

    assert stage.executor.do((action,), stage.entry, stage.entry.memory) == []
    assert not stage.path.exists()
