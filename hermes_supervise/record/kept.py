"""
A record as bytes, to lie with the keeper while the disk takes nothing.

A supervisor that dies on such a day would else leave one behind that knows of older runs than the
keeper holds, and starts what is running.
"""

from __future__ import annotations

import json

from hermes_supervise.model.decision import Event
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.phase import Phase, Reason
from hermes_supervise.record.codec import (
    decode_actions,
    decode_memory,
    encode_actions,
    encode_memory,
)
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_EVENTS = 500
"""Events that are kept twice; the older ones are only as safe as the supervisor."""


def kept(record: Record) -> bytes:
    """Return the memories, deeds and newest events of *record*; intents are never unsaved."""
    document = {
        "memories": {name: encode_memory(m) for name, m in record.memories.items()},
        "pending": {name: encode_actions(actions) for name, actions in record.pending.items()},
        "done": sorted(record.done),
        "markers": record.markers,
        "specs": record.specs,
        "dropped": sorted(record.dropped),
        "meta": record.meta,
        "events": [_row(told) for told in record.events[-MOST_EVENTS:]],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def unkept(data: bytes) -> Record:
    """
    Return the record that *data* was made of.

    Raises:
        StoreError: it cannot be understood.
    """
    try:
        document = json.loads(data)
        return Record(
            memories={name: decode_memory(text) for name, text in document["memories"].items()},
            pending={name: decode_actions(text) for name, text in document["pending"].items()},
            done=set(document["done"]),
            markers=document["markers"],
            specs=document["specs"],
            dropped=set(document["dropped"]),
            meta=document["meta"],
            events=[_told(row) for row in document["events"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError("what an earlier supervisor could not write is damaged") from None


def _row(told: Told) -> list[object]:
    event = told.event
    words = (event.kind, event.phase_from, event.phase_to, event.reason, event.data)
    return [told.at, told.program, told.by, *words]


def _told(row: list[Any]) -> Told:
    at, program, by, kind, phase_from, phase_to, reason, data = row
    event = Event(
        kind=kind,
        phase_from=None if phase_from is None else Phase(phase_from),
        phase_to=None if phase_to is None else Phase(phase_to),
        reason=None if reason is None else Reason(reason),
        data=data,
    )
    return Told(at=at, program=program, event=event, by=by)
