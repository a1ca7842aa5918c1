"""Between the values of a record and the rows of the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hermes_supervise.clock import rfc3339
from hermes_supervise.model.decision import Action, Event
from hermes_supervise.record.board import signal_name
from hermes_supervise.record.codec import encode_actions, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event with its time (seconds since the epoch), its program and who asked, if anybody."""

    at: float
    program: str | None
    event: Event
    by: str | None = None


def pending_text(actions: tuple[Action, ...] | None) -> str | None:
    """Return deeds that are about to be done as text, None if there are none."""
    return encode_actions(actions) if actions else None


def event_row(told: Told) -> tuple[str | float | None, ...]:
    """Return an event as a row of its table, the id left out."""
    event = told.event
    return (
        told.at,
        told.program,
        event.kind,
        # Plain text: sqlite3 would ask a registry of adapters about each enum.
        None if event.phase_from is None else event.phase_from.value,
        None if event.phase_to is None else event.phase_to.value,
        None if event.reason is None else event.reason.value,
        told.by,
        None if event.data is None else to_json(event.data),
    )


def event_documents(rows: Iterable[tuple[object, ...]]) -> Iterator[dict[str, object]]:
    """Yield rows of the event table as the contract shows events."""
    for ident, at, program, kind, phase_from, phase_to, reason, by, data in rows:
        yield {
            "id": ident,
            "at": rfc3339(float(str(at))),
            "program": program,
            "kind": kind,
            "phase_from": phase_from,
            "phase_to": phase_to,
            "reason": reason,
            "by": by,
            "data": None if data is None else _data(str(kind), str(data)),
        }


def _data(kind: str, text: str) -> object:
    """Return the facts of an event; a signal is shown by its name, as everywhere."""
    document = json.loads(text)
    if kind == "exit" and isinstance(document.get("signal"), int):
        document["signal"] = signal_name(document["signal"])
    return document
