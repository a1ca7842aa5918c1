"""``ctl events``: the durable history, as lines for people or as JSON for machines."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from hermes_supervise.cli.terminal import clean, cut, look, paint
from hermes_supervise.cli.usage import DONE
from hermes_supervise.cli.words import STYLES
from hermes_supervise.control.client import call, links
from hermes_supervise.model.errors import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hermes_supervise.cli.terminal import Terminal
    from hermes_supervise.cli.usage import Options
    from hermes_supervise.control.client import Link

    Event = dict[str, Any]

NAME_WIDTH = 16
KIND_WIDTH = 14


def run(options: Options) -> int:
    """Print the last events, and go on as they happen with ``-f``, until Ctrl-C."""
    options.names = [options.name] if options.name else []
    if options.follow:
        # Ctrl-C is the usual way to leave.
        with contextlib.suppress(KeyboardInterrupt):
            _follow(options)
        return DONE
    for event in call(options.address, "events", _params(options, None))["events"]:
        _print(event, options)
    return DONE


def event_line(event: Event, terminal: Terminal) -> str:
    """Return one event as a line: when, which program, what, from where to where, and why."""
    pieces = []
    if event.get("phase_to") and event.get("phase_from") != event["phase_to"]:
        arrow = "→" if terminal.signs else "->"
        style = STYLES.get(event["phase_to"], "")
        shown = paint(str(event["phase_to"]), style, terminal)
        pieces.append(f"{event.get('phase_from') or ''} {arrow} {shown}".strip())
    if event.get("reason"):
        pieces.append(str(event["reason"]))
    if event.get("by"):
        pieces.append(f"by {clean(str(event['by']))}")
    pieces += _facts(event.get("data"))
    who = cut(str(event.get("program") or "-"), 63).ljust(NAME_WIDTH)
    when = paint(_when(event["at"]), "quiet", terminal)
    kind = str(event["kind"]).ljust(KIND_WIDTH)
    return f"{when}  {paint(who, 'name', terminal)}  {kind}  {'  '.join(pieces)}".rstrip()


def _params(options: Options, after: int | None) -> dict[str, object]:
    params: dict[str, object] = {"limit": options.lines, "follow": options.follow}
    if options.name:
        params["name"] = options.name
    if after is not None:
        params["after"] = after
    return params


def _follow(options: Options) -> None:
    """Print what was and what comes; a new supervisor is asked for what came after the last."""
    after: int | None = None
    for link in links(options.address):
        with contextlib.suppress(ConnectionLost):
            link.send("events", _params(options, after))
            for event in _told(link):
                after = event["id"]
                _print(event, options)


def _told(link: Link) -> Iterator[Event]:
    """Yield the events of the answer, then those that follow it, until the connection ends."""
    while True:
        sys.stdout.flush()
        message = link.next(None)
        if message is None:
            continue
        method, told = message
        if method == "":
            yield from told["events"]
        elif method == "event":
            yield told.get("event", told)


def _print(event: Event, options: Options) -> None:
    if options.json:
        sys.stdout.write(json.dumps(event) + "\n")
        return
    sys.stdout.write(event_line(event, look(sys.stdout, os.environ)) + "\n")


def _when(at: object) -> str:
    text = str(at)
    return text.replace("T", " ")[:19]


def _facts(data: object) -> list[str]:
    if not isinstance(data, dict):
        return []
    return [clean(f"{key}={value}") for key, value in data.items() if value is not None]
