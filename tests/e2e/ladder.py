"""
Runs every habit of a program up the stop ladder and tells what happened, rung by rung.

``python -m tests.e2e.ladder`` prints the table; with ``--write`` it also puts it into
``docs/explanation/the-stop-ladder.md``.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.harness import Rig, alive, program, rigged, words_of

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "the-stop-ladder.md"
BEGIN, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"

DRAIN_MS, LINGER_MS = 1500, 300

WATCHER = """
import json, os, signal, sys, time
signal.alarm(120)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
now = time.time_ns()
renamed = os.stat(os.environ["HERMES_SUPERVISE_MARKER"]).st_ctime_ns
with open(sys.argv[1], "w") as file:
    json.dump((now - renamed) / 1e6, file)
"""
"""A program that measures how long after the rename of its marker the signal reached it."""

WATCHERS = 5
RUNNERS = 3
"""So often is the one that forks as fast as it can stopped: once may be luck."""


@dataclass(frozen=True)
class Rung:
    """One event of a stop, and when: milliseconds after the stop was begun."""

    kind: str
    at: int
    data: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        word = {"force": "SIGKILL"}.get(self.kind, str(self.data.get("signal") or self.kind))
        if self.kind == "exit":
            word = "main gone"
        if "count" in self.data:
            word += f" ({self.data['count']})"
        return f"{word} {self.at}"


@dataclass(frozen=True)
class Climb:
    """How one program was stopped."""

    name: str
    rungs: tuple[Rung, ...]
    outcome: str
    exit: str
    left: tuple[int, ...]

    def at(self, kind: str) -> int | None:
        """Return when a rung was first taken, None if it never was."""
        return next((rung.at for rung in self.rungs if rung.kind == kind), None)

    def data(self, kind: str) -> dict[str, Any]:
        """Return what the first rung of a kind told."""
        return next(rung.data for rung in self.rungs if rung.kind == kind)


def habits(rig: Rig) -> dict[str, list[str]]:
    """Return the command of every program by its habit."""

    def tagged(name: str, *words: str) -> list[str]:
        return [*words, "--tag", f"{rig.tag}-{name}"]

    return {
        "polite": program("polite"),
        "marker-only": program("marker_only"),
        "signal-only": program("signal_only"),
        "deaf-to-both": program("deaf"),
        "slow-but-in-time": program("slow_in_time", 0.5),
        "slow-and-too-late": program("slow_too_late"),
        "drained-but-lingering": program("lingering", "--pid-file", rig.root / "lingering.pid"),
        "setsid-children": program("setsid_children", *tagged("setsid-children")),
        "setsid-scrubbed": program("setsid_children", "--scrub", *tagged("setsid-scrubbed")),
        "double-forked-stray": program("double_fork_stray", *tagged("double-forked-stray")),
        **{f"watcher-{n}": _watcher(rig, n) for n in range(WATCHERS)},
    }


def runners(rig: Rig) -> dict[str, list[str]]:
    """Return the command of a program that forks as fast as it can."""
    words = ("--seconds", "40", "--tag", f"{rig.tag}-forking")
    return {"forking": program("fork_runner", *words)}


def _watcher(rig: Rig, number: int) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", WATCHER, str(rig.root / f"gap-{number}.json")]


def climb_all(rig: Rig, commands: dict[str, list[str]], cgroups: str) -> list[Climb]:
    """Start the programs, stop them all at once, and return how each went."""
    stop = {
        "drain_timeout": f"{DRAIN_MS}ms",
        "linger": f"{LINGER_MS}ms",
        "force": {"interval": "1s"},
    }
    programs: dict[str, dict[str, Any]] = {}
    for name, command in commands.items():
        marker = {"path": str(rig.root / f"{name}.marker"), "format": "hermes"}
        logs = {"path": str(rig.root / f"{name}.log")}
        own: dict[str, Any] = {"stop": {**stop, "marker": marker}, "logs": logs}
        if name == "drained-but-lingering":
            gone = {"path": str(rig.root / "lingering.pid"), "exists": False}
            own["stop"]["drained"] = {"file": gone}
        programs[name] = {"command": command, "start": {"settle": "50ms"}, **own}
    rig.write(programs, supervisor={"cgroups": cgroups})
    rig.start()
    climbs: list[Climb] = []
    for round_ in range(RUNNERS if "forking" in commands else 1):
        if round_:
            rig.ctl("start", "all")
        wait_until_ready(rig, list(commands), round_ + 1)
        before = {name: len(rig.events(name)) for name in commands}
        said = rig.ctl("stop", "all")
        assert said.code == 0, said.err
        climbs += [_climb(rig, name, before[name]) for name in commands]
    rig.end()
    return climbs


def wait_until_ready(rig: Rig, names: Sequence[str], times: int) -> None:
    """Wait until every program has said ``ready`` so often, and counts as running."""

    def said(name: str) -> bool:
        log = rig.root / f"{name}.log"
        return log.exists() and log.read_text().splitlines().count("ready") >= times

    rig.until(lambda: all(said(name) for name in names), "everybody ready")
    rig.until_settled()


def _climb(rig: Rig, name: str, before: int) -> Climb:
    events = rig.events(name)[before:]
    start = _instant(next(e["at"] for e in events if e["kind"] == "draining"))
    shown = [e for e in events if e["kind"] not in ("asked-stop", "draining", "killing")]
    rungs = tuple(
        Rung(e["kind"], round((_instant(e["at"]) - start) * 1000), e["data"] or {}) for e in shown
    )
    last = rig.row(name)["last_exit"]
    end = last["signal"] or (None if last["code"] is None else f"code {last['code']}")
    return Climb(name, rungs, last["outcome"], str(end), tuple(left_of(rig, name)))


def left_of(rig: Rig, name: str) -> list[int]:
    """Look for what is left of a program: by its name in the environment, and by its tag."""
    found: set[int] = set()
    for _ in range(10):  # something that forks and exits is only seen by luck
        found |= set(rig.of_program(name))
        tag = f"{rig.tag}-{name}"
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        found |= {pid for pid in pids if tag in words_of(pid) and alive(pid)}
    return sorted(found)


def _instant(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def gaps(rig: Rig) -> list[float]:
    """Return the milliseconds from the rename of a marker to the signal, as programs saw them."""
    return [float(json.loads(file.read_text())) for file in sorted(rig.root.glob("gap-*.json"))]


def table(climbs: Sequence[Climb]) -> list[str]:
    """Return the climbs as lines of a Markdown table."""
    lines = [
        "| program | rungs, each with its milliseconds | outcome | exit | left |",
        "| --- | --- | --- | --- | --- |",
    ]
    for climb in climbs:
        if climb.name.startswith("watcher-"):
            continue
        rungs = " · ".join(str(rung) for rung in climb.rungs)
        cells = (climb.name, rungs, climb.outcome, climb.exit, str(len(climb.left)))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


TITLES = {
    "auto": "With a cgroup for each program (`cgroups: auto`)",
    "off": "Without cgroups (`cgroups: off`)",
}


def page_part(lines: Sequence[str]) -> str:
    """Return the part of the page that a run writes."""
    return "\n".join(["", *lines, "", ""])


def main(arguments: Sequence[str]) -> None:
    """Run everything and print, or write, the tables."""
    lines: list[str] = []
    for mode, title in TITLES.items():
        climbs: list[Climb] = []
        seen: list[float] = []
        for commands in (habits, runners):
            with rigged() as rig:
                climbs += climb_all(rig, commands(rig), mode)
                seen += gaps(rig)
        worst = max(seen)
        lines += [f"### {title}", "", *table(climbs), ""]
        lines += [f"Marker to signal, as {len(seen)} programs saw it: at most {worst:.1f} ms.", ""]
    print("\n".join(lines))
    if "--write" in arguments:
        text = PAGE.read_text()
        part = page_part(lines[:-1])
        PAGE.write_text(re.sub(f"(?s){BEGIN}.*{END}", lambda _: BEGIN + part + END, text))


if __name__ == "__main__":
    started = time.monotonic()
    main(sys.argv[1:])
    sys.stderr.write(f"{time.monotonic() - started:.1f} s\n")
