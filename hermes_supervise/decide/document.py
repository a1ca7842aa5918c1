"""
Draws ``docs/reference/states.md`` from the table.

Run ``python -m hermes_supervise.decide.document > docs/reference/states.md``; a test compares the
file with what this says, so the page cannot differ from the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_supervise.decide.case import FORCE_PAUSE, MARKER_REFRESH
from hermes_supervise.decide.table import TABLE, Row
from hermes_supervise.model.phase import LIVING, RESTING, MarkerSight, Outcome, Phase, Reason, Sight

PHASES = {
    Phase.STOPPED: "Not wanted. The process was seen dead and its tree empty.",
    Phase.WAITING: "Wanted, but held back; the reason says by what. Keeps its due instant.",
    Phase.STARTING: "A process was asked for, and is not ready or has not settled.",
    Phase.RUNNING: "Ready, or without a probe older than `start.settle`.",
    Phase.DRAINING: "Asked to stop; has until the drain deadline.",
    Phase.KILLING: "Force is used on the whole tree until it is seen empty.",
    Phase.BACKOFF: "Ended, and is started again when the wait is over.",
    Phase.EXITED: "Ended by itself, and the policy leaves it at that.",
    Phase.FAILED: "Parked: a fatal exit code, or the budget is spent. One trial when it is due.",
}
REASONS = {
    Reason.OPERATOR: "An operator said so.",
    Reason.REVISION: "Another revision is wanted: an edited launch, a restart, or no longer in "
    "the file.",
    Reason.SHUTDOWN: "The supervisor shuts down; the stored intent stays.",
    Reason.UNHEALTHY: "The health probe failed. A failure.",
    Reason.START_TIMEOUT: "Not ready in `start.timeout`. A failure.",
    Reason.SPAWN_FAILED: "The process could not be made. A failure.",
    Reason.OOM: "Killed by the kernel for memory.",
    Reason.DEPENDENCY: "Held back: something that it depends on is not ready.",
    Reason.FOREIGN_OWNER: "Held back: a live process that is not ours owns what it needs.",
}
OUTCOMES = {
    Outcome.DRAINED: "We asked; it and its tree went in time, whatever its code.",
    Outcome.FORCED: "Force was used before its work was seen done.",
    Outcome.EXITED: "Unasked, with a success code.",
    Outcome.FAILED: "Unasked, with any other code.",
    Outcome.CRASHED: "By a signal that was not ours.",
    Outcome.NEVER_STARTED: "No process was ever made.",
    Outcome.UNKNOWN: "Nobody could see how it ended.",
}
SIGHTS = {
    Sight.UNOBSERVABLE: "Nothing could be seen, or an answer is under way: no change, no deed.",
    Sight.NEVER_MADE: "A start was recorded, but no process of this run was ever made.",
    Sight.SPAWN_FAILED: "The backend tried to make the process and could not.",
    Sight.ALIVE: "The main process lives.",
    Sight.REMAINS: "The main process is dead, something of its tree lives.",
    Sight.GONE: "The main process was seen dead and its tree empty, or there never was one.",
}
MARKERS = {
    MarkerSight.NONE: "There is none of ours.",
    MarkerSight.PRESENT: "On disk, and nobody has taken it.",
    MarkerSight.CONSUMED: "Gone before it was 60 s old: the program has taken it.",
    MarkerSight.EXPIRED: "Gone later, which says nothing about the program.",
}
LAWS = (
    "Spawn only when the process is seen gone, the goal is up and nothing holds it back. Never "
    "two live instances of one program.",
    "The marker is on disk before the stop is asked for, and before force, for the same process; "
    "a stop signal has a fresh marker right before it.",
    "Force never before the drain deadline while the main process lives, unless it was seen "
    "drained and `linger` is over, or the operator says `--force`.",
    "Goal down, then time passing, always ends in `stopped` with an empty tree.",
    "Unobservable: same memory, no action.",
    "draining, killing and backoff always have a wake time; no wake time is in the past.",
    "The same question again at the same instant repeats no deed.",
    "At most `failures` + 1 spawns of one revision inside the window (a restart asked for by exit "
    "code after being ready is not counted; one after a fatal code costs no budget and comes "
    "`fatal_retry_after` later).",
    "After process and tree are seen gone, no phase claims that it lives and no marker of ours is "
    "left.",
    "Memory read back from disk gives the same decisions; a turn cut off anywhere by SIGKILL "
    "leads to the same end.",
    "Nothing but an operator's command changes intent (one exception: `autostart: always` in a "
    "new world).",
    "A signal is only ever sent to a process whose identity was checked.",
)
HEAD = """\
# States

<!-- Drawn from hermes_supervise/decide/table.py by
     python -m hermes_supervise.decide.document > docs/reference/states.md -->

What `ctl status` calls `phase` is what the supervisor claims about a program. What is seen wins
over it: every turn looks at the world again and asks this page's table what to do. What the
operator wants is kept apart, and is no phase.
"""


def document() -> str:
    """Return the page, ready to be written."""
    parts = [
        HEAD,
        _words("Phases", "phase", PHASES),
        _picture(),
        _table(),
        _words("What is seen", "sight", SIGHTS),
        _words("What became of the marker", "marker", MARKERS),
        _words("Reasons", "reason", REASONS),
        _words("Outcomes", "outcome", OUTCOMES),
        _laws(),
    ]
    return "\n".join(parts)


def _words(title: str, name: str, words: Mapping[Any, str]) -> str:
    rows = [f"| `{word.value}` | {meaning} |" for word, meaning in words.items()]
    return "\n".join([f"## {title}\n", f"| {name} | meaning |", "| --- | --- |", *rows, ""])


def _picture() -> str:
    lines = [
        "## Picture\n",
        "Wherever an arrow leads to `starting` by a Spawn and something holds the program back, it "
        "leads to",
        "`waiting` instead; rows that stay in their phase are left out.\n",
        "```mermaid",
        "flowchart LR",
        *_group("resting", "no process claimed", RESTING),
        *_group("living", "any living", LIVING),
        *(f"    {edge}" for row in TABLE for edge in _edges(row)),
        "    starting -. held back .-> waiting",
        "```",
        "",
    ]
    return "\n".join(lines)


def _group(name: str, title: str, phases: frozenset[Phase]) -> Iterator[str]:
    yield f'    subgraph {name}["{title}"]'
    yield from (f"        {phase}" for phase in Phase if phase in phases)
    yield "    end"


def _edges(row: Row) -> Iterator[str]:
    """Yield the arrows of a row: one from a whole group, or one from each of its phases."""
    if row.to is None or row.frm == {row.to}:
        return
    label = row.words.partition(" (")[0]
    groups = {RESTING: "resting", LIVING: "living"}
    sources = [groups[row.frm]] if row.frm in groups else [p for p in Phase if p in row.frm]
    yield from (f'{source} -- "{label}" --> {row.to}' for source in sources)


def _table() -> str:
    lines = [
        "## Table\n",
        "The first row that fits wins. *Gone*: the main process is seen dead and its tree empty; "
        "*remains*: the",
        "main process is dead, its tree is not empty (with `force: {tree: false}` it counts as "
        "gone); *planned*:",
        "drained for operator, revision or shutdown. *No process claimed*: "
        + _names(RESTING)
        + ".",
        "*Any living*: " + _names(LIVING) + ".\n",
        "**Guard:** where a row says Spawn and something holds the program back, the phase is "
        "`waiting` instead;",
        "`waiting` keeps its due instant. Without a marker in the file, WriteMarker and "
        "ClearMarker are left out.",
        f"An unconsumed marker is renewed after {MARKER_REFRESH:g} s; two uses of force are at "
        f"least {FORCE_PAUSE:g} s apart.\n",
        "| from | when | to | deeds |",
        "| --- | --- | --- | --- |",
        *(_line(row) for row in TABLE),
        "",
    ]
    return "\n".join(lines)


def _names(phases: frozenset[Phase]) -> str:
    return ", ".join(phase.value for phase in Phase if phase in phases)


def _line(row: Row) -> str:
    if row.frm == RESTING:
        frm = "no process claimed"
    elif row.frm == LIVING:
        frm = "any living"
    else:
        frm = _names(row.frm)
    to = "(stays)" if row.to is None else row.to.value
    return f"| {frm} | {row.words} | {to} | {', '.join(row.deeds)} |"


def _laws() -> str:
    lines = [f"{number}. {law}" for number, law in enumerate(LAWS, start=1)]
    intro = "Tested in a thousand histories of a fake world, each with faults planted against it.\n"
    return "\n".join(["## Laws\n", intro, *lines, ""])


if __name__ == "__main__":
    sys.stdout.write(document())
