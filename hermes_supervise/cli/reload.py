"""``ctl reload``: what the file says now, applied; or with ``--plan`` only said."""

from __future__ import annotations

import os
import sys

from hermes_supervise.cli.terminal import clean, look, paint
from hermes_supervise.cli.usage import DONE
from hermes_supervise.control.client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.terminal import Terminal
    from hermes_supervise.cli.usage import Options

    Change = dict[str, Any]

SIGNS = {
    "add": ("+", "good", "add"),
    "remove": ("-", "bad", "remove (drained)"),
    "restart": ("~", "busy", "restart"),
    "update": ("=", "note", "update (no restart)"),
}
"""Sign, style and words of each action; ``none`` is not shown."""

RELOAD_TIMEOUT = 60.0
"""Seconds: a big file is compiled by a process of its own first."""

LONGEST_VALUE = 60


def run(options: Options) -> int:
    """Reload, or only ask what a reload would do, and show the changes."""
    result = call(
        options.address,
        "reload",
        {"plan_only": options.plan, "allow_empty": options.allow_empty},
        timeout=RELOAD_TIMEOUT,
    )
    changes = [change for change in result["changes"] if change["action"] != "none"]
    terminal = look(sys.stdout, os.environ)
    for line in change_lines(changes, terminal):
        print(line)
    for note in result.get("notes") or []:
        print(clean(str(note)))
    print(_summary(changes, applied=bool(result["applied"])))
    return DONE


def change_lines(changes: list[Change], terminal: Terminal) -> list[str]:
    """Return the changes like a diff: a sign, the program, what happens to it, and why."""
    width = max((len(change["name"]) for change in changes), default=0)
    room = max((len(_words(change)[2]) for change in changes), default=0)
    lines = []
    for change in changes:
        sign, style, text = _words(change)
        fields = [field_text(field) for field in change.get("fields") or []]
        shown = paint(f"{sign} {change['name']:<{width}}", style, terminal)
        action = paint(f"{text:<{room}}", style, terminal)
        first = f"{shown}  {action}  {fields[0]}" if fields else f"{shown}  {action}"
        lines.append(first.rstrip())
        lines += [f"{'':{width + room + 6}}{text}" for text in fields[1:]]
    return lines


def field_text(field: dict[str, Any]) -> str:
    """
    Return one changed key.

    A value that the supervisor does not tell (an environment may hold secrets) is only said to
    have changed.
    """
    key, old, new = clean(str(field["key"])), field.get("old"), field.get("new")
    if old is None and new is None:
        return f"{key} changed"
    if not old and new in ("added", "removed", "changed"):
        return f"{key} {new}"
    return f"{key}: {_value(old)} -> {_value(new)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        text = " ".join(str(item) for item in value)
    else:
        text = {True: "true", False: "false"}.get(value, "") if isinstance(value, bool) else ""
        text = text or str(value)
    text = clean(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _words(change: Change) -> tuple[str, str, str]:
    action = str(change["action"])
    return SIGNS.get(action, ("?", "", action))


def _summary(changes: list[Change], *, applied: bool) -> str:
    if not changes:
        return "nothing changes" if not applied else "nothing changed"
    counts = {
        action: sum(change["action"] == action for change in changes)
        for action in dict.fromkeys(change["action"] for change in changes)
    }
    said = ", ".join(f"{count} to {action}" for action, count in counts.items())
    return f"applied: {said}" if applied else f"{said}; nothing was changed yet"
