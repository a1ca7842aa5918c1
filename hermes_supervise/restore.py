"""
What a new supervisor begins with: the plan, the stored intents, and what was remembered.

In a new world (another boot, another pid namespace) nothing that was seen before holds: no process
is looked for, every deadline starts again, and intents are what they were.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from hermes_supervise.decide import new_world, resume
from hermes_supervise.entry import Entry
from hermes_supervise.model.decision import Action, Event
from hermes_supervise.model.errors import HermesSuperviseError, StoreError
from hermes_supervise.model.facts import Memory, Now
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import LIVING
from hermes_supervise.model.spec import Launch, Logs, Plan, Program, Settings
from hermes_supervise.plan.codec import decode, encode, marker_of
from hermes_supervise.record.ledger import Ledger
from hermes_supervise.record.store import DAMAGED, Remembered, Store

MOST_STOPPERS = 50
"""Pids of earlier keepers that are remembered, to know our own markers by."""


_NO_SETTINGS = Settings(state_dir="", socket="", address_file="")


@dataclass(slots=True)
class Restored:
    """The programs to begin with, and what has to be recorded about it."""

    entries: list[Entry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    changed: dict[str, Memory] = field(default_factory=dict)
    pending: dict[str, tuple[Action, ...]] = field(default_factory=dict)
    intents: dict[str, tuple[Intent, float, str]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)


def restored(ledger: Ledger, plan: Plan, world: str, now: Now) -> Restored:
    """
    Put plan, intents and memories together.

    Args:
        ledger: The state on disk, and what of it is not yet written.
        plan: What the configuration says now.
        world: The name of this world.
        now: This instant.

    Raises:
        StoreError: the state is damaged.
    """
    result = Restored()
    store = ledger.store
    before = store.meta("world")
    anew = before is not None and before != world
    if anew:
        result.events.append(Event(kind="new-world"))
    remembered, intents = _remembered(ledger), store.intents()
    for program in plan.programs:
        name = program.name
        known = remembered.pop(name, None)
        intent = intents.get(name, Intent())
        if anew and program.autostart == "always" and intent.up is False:
            intent = replace(intent, up=True)
            result.intents[name] = (intent, now.wall, "autostart: always in a new world")
        entry = Entry(program, intent, Memory(), in_file=True)
        _recall(result, entry, known, now, anew=anew)
    for name, known in remembered.items():
        if anew or known.memory.phase not in LIVING:
            result.dropped.add(name)
            continue
        entry = Entry(
            _remembered_program(name, known.spec),
            intents.get(name, Intent()),
            Memory(),
            in_file=False,
        )
        _recall(result, entry, known, now, anew=False)
    return result


def _remembered(ledger: Ledger) -> dict[str, Remembered]:
    """Return what is on disk, and over it what could not be written."""
    found = ledger.store.memories()
    unsaved = ledger.unsaved
    if unsaved is None:
        return found
    for name, memory in unsaved.memories.items():
        known = found.get(name, Remembered())
        found[name] = replace(
            known,
            memory=memory,
            pending=unsaved.pending.get(name, ()),
            marker=unsaved.markers.get(name, known.marker),
        )
    for name in unsaved.done & set(found):
        found[name] = replace(found[name], pending=())
    for name in unsaved.dropped:
        found.pop(name, None)
    return found


def _recall(
    result: Restored, entry: Entry, known: Remembered | None, now: Now, *, anew: bool
) -> None:
    """Give a program its memory back, and what a turn that was cut off left to do."""
    result.entries.append(entry)
    if known is None:
        return
    if known.memory.phase in LIVING or known.pending:
        entry.marker = marker_of(known.marker)
    after = new_world if anew else resume
    entry.memory, entry.resumed = after(known.memory, known.pending, now)
    if entry.memory is not known.memory or entry.resumed:
        name = entry.program.name
        result.changed[name] = entry.memory
        if entry.resumed:
            result.pending[name] = entry.resumed


def claimed(entries: list[Entry]) -> list[Entry]:
    """Return the programs of which a run is remembered as living."""
    return [e for e in entries if e.memory.phase in LIVING and e.memory.run_id]


def program_text(program: Program) -> str:
    """Return a program as text, without the values of its environment: they may be secrets."""
    bare = replace(program, launch=replace(program.launch, environment={}))
    return encode(Plan(config="", settings=_NO_SETTINGS, programs=(bare,)))


def _remembered_program(name: str, spec: str | None) -> Program:
    if spec is not None:
        try:
            return decode(spec).programs[0]
        except (HermesSuperviseError, IndexError):
            pass  # an older form: the defaults have to do
    launch = Launch(
        argv=(name,),
        directory="/",
        environment={},
        inherit_environment=False,
        user=None,
        umask=None,
        backend="posix",
        logs=Logs(mode="inherit"),
        marker=None,
    )
    return Program(name=name, group=name, revision="", launch=launch)


def stoppers_of(store: Store, world: str, keeper_pid: int) -> tuple[set[int], str]:
    """
    Return the pids that our markers of this world may name as their writer, this one among them.

    The second value is what to remember of them.

    Raises:
        StoreError: what is remembered of them is damaged.
    """
    known: list[int] = []
    text = store.meta("stoppers")
    if text is not None:
        try:
            document = json.loads(text)
            if document["world"] == world:
                known = [int(pid) for pid in document["pids"]]
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{store.path}: what it says of its keepers: {DAMAGED}") from None
    if keeper_pid not in known:
        known = [*known, keeper_pid][-MOST_STOPPERS:]
    return set(known), json.dumps({"world": world, "pids": known})
