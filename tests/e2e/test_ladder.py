"""
The stop ladder, with real processes of every habit.

The table of what happened is printed at the end of the run; ``docs/explanation/the-stop-ladder.md``
keeps one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from tests.e2e import ladder
from tests.e2e.harness import Rig, program, rigged

pytestmark = pytest.mark.e2e

LATE_MS = 900
"""How late a rung may be on a busy machine."""

GAP_MS = 20.0


class Printer:
    """Prints the tables when the run is over, whatever is captured."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was collected."""
        terminalreporter.section("the stop ladder")
        for line in self.lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def printer(request: pytest.FixtureRequest) -> Printer:
    """Whoever prints at the end; there is one for all modes."""
    made = Printer()
    request.config.pluginmanager.register(made, "ladder-printer")
    return made


@dataclass
class Run:
    """Everything stopped once, in one mode."""

    mode: str
    climbs: dict[str, ladder.Climb]
    runners: list[ladder.Climb]
    gaps: list[float]


def cgroups_work() -> bool:
    """Whether ``cgroups: auto`` would really make any here."""
    from hermes_supervise.backends import cgroups

    root = cgroups.find_root(f"probe-{os.getpid()}")
    return root is not None and cgroups.remove_if_empty(root)


@pytest.fixture(scope="module", params=["auto", "off"])
def run(request: pytest.FixtureRequest, printer: Printer) -> Run:
    """Climb the ladder with every habit."""
    mode = str(request.param)
    if mode == "auto" and not cgroups_work():
        pytest.skip("no cgroup may be made here, so `cgroups: auto` is the same as off")
    with rigged() as rig:
        climbs = ladder.climb_all(rig, ladder.habits(rig), mode)
        gaps = ladder.gaps(rig)
    with rigged() as rig:
        runners = ladder.climb_all(rig, ladder.runners(rig), mode)
    printer.lines += [ladder.TITLES[mode], *ladder.table([*climbs, *runners])]
    printer.lines += [f"marker to signal: at most {max(gaps):.1f} ms", ""]
    return Run(mode, {climb.name: climb for climb in climbs}, runners, gaps)


ASKED = ["marker", "signal"]
EXPECTED = {
    "polite": (ASKED, "drained", "code 0"),
    "marker-only": (ASKED, "drained", "code 0"),
    "signal-only": (ASKED, "drained", "code 0"),
    "deaf-to-both": ([*ASKED, "forced", "force"], "forced", "SIGKILL"),
    "slow-but-in-time": ([*ASKED, "marker-consumed"], "drained", "code 0"),
    "slow-and-too-late": ([*ASKED, "marker-consumed", "forced", "force"], "forced", "SIGKILL"),
    "drained-but-lingering": (
        [*ASKED, "drained", "marker-consumed", "lingered", "force"],
        "drained",
        "SIGKILL",
    ),
    "setsid-children": ([*ASKED, "leftovers", "force"], "drained", "code 0"),
    "setsid-scrubbed": ([*ASKED, "leftovers", "force"], "drained", "code 0"),
    "double-forked-stray": ([*ASKED, "leftovers", "force"], "drained", "code 0"),
}
RUNGS = (
    "marker",
    "signal",
    "marker-consumed",
    "drained",
    "forced",
    "lingered",
    "leftovers",
    "force",
)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_habit_climbs_as_far_as_it_must(run: Run, name: str) -> None:
    """Marker and signal always, force only where nothing else helped, the outcome as it was."""
    climb = run.climbs[name]
    rungs, outcome, end = EXPECTED[name]
    taken = [rung.kind for rung in climb.rungs if rung.kind in RUNGS]

    # A marker that was taken is only seen where the program lives on for a while.
    optional = {"marker-consumed"} - set(rungs)
    assert sorted(kind for kind in taken if kind not in optional) == sorted(rungs)
    assert taken[:2] == ASKED
    assert (climb.outcome, climb.exit) == (outcome, end)
    assert climb.left == ()


@pytest.mark.parametrize("name", ["deaf-to-both", "slow-and-too-late"])
def test_force_waits_for_the_deadline(run: Run, name: str) -> None:
    """Not a moment before, and soon after."""
    at = run.climbs[name].at("force")

    assert at is not None
    assert ladder.DRAIN_MS <= at < ladder.DRAIN_MS + LATE_MS


def test_what_lingers_after_its_work_is_done_does_not_take_the_whole_drain(run: Run) -> None:
    """The probe says that the work is saved; from there it has ``linger``."""
    climb = run.climbs["drained-but-lingering"]
    drained, forced = climb.at("drained"), climb.at("force")

    assert drained is not None
    assert forced is not None
    assert forced - drained + 1 >= ladder.LINGER_MS
    assert forced < ladder.DRAIN_MS


@pytest.mark.parametrize(
    ("name", "count"),
    [("setsid-children", 2), ("setsid-scrubbed", 2), ("double-forked-stray", 1)],
)
def test_leftovers_are_counted(run: Run, name: str, count: int) -> None:
    """Whoever reads the history learns that the program leaves things behind, and how many."""
    assert run.climbs[name].data("leftovers")["count"] == count


def test_the_signal_follows_the_marker_at_once(run: Run) -> None:
    """Two consumers of one marker: a program must hear of both before it acts on one."""
    told = [climb.data("signal")["after_marker_ms"] for climb in run.climbs.values()]

    assert len(run.gaps) == ladder.WATCHERS
    assert max(told) < GAP_MS
    assert max(run.gaps) < GAP_MS, "as the programs themselves saw it"


def test_nothing_is_left_of_what_forks_as_fast_as_it_can(run: Run) -> None:
    """cgroup.kill has no race; without it every generation is halted before it is killed."""
    assert len(run.runners) == ladder.RUNNERS
    for climb in run.runners:
        assert climb.left == ()
        assert (climb.outcome, climb.exit) == ("drained", "code 0")
        stopped = climb.at("stopped")
        assert stopped is not None
        assert stopped < 5000


def test_one_that_forks_does_not_disturb_its_neighbours(rig: Rig) -> None:
    """Nothing of another program is taken for gone, or for left over, because one runs away."""
    log = rig.root / "forking.log"
    quick = {"settle": "20ms"}
    rig.write(
        {
            "polite": {"command": program("polite"), "start": quick},
            "forking": {**_logged(ladder.runners(rig)["forking"], log), "start": quick},
        }
    )
    rig.start()
    rig.until(lambda: log.exists() and "ready" in log.read_text(), "it runs away")
    pid = rig.row("polite")["pid"]
    os.kill(pid, 9)
    rig.until(lambda: rig.row("polite")["pid"] not in (pid, None), "started again")

    kinds = rig.kinds("polite")
    assert "leftovers" not in kinds
    assert "exit" in kinds
    assert rig.ctl("stop", "polite").code == 0
    assert rig.ctl("stop", "forking").code == 0
    assert ladder.left_of(rig, "forking") == []


def _logged(command: list[str], log: object) -> dict[str, object]:
    return {"command": command, "logs": {"path": str(log)}}
