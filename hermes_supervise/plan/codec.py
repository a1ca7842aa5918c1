"""
The compiled plan as text: what the short-lived compiler hands to the long-running supervisor.

One JSON object a line: a head, then the programs.  Values that many programs share stand once, in
a table of the head, and programs name them by index: the text is smaller, decoding is faster, and
in the supervisor the programs share one object.  A line a program keeps the decoder's garbage
small, which a process that lives for months would carry along.  The keys are those of
``model/spec.py``::

    {"format": 1, "config": FILE, "settings": {...}, "empty_groups": [...], "programs": COUNT,
     "environments": [{...}], "users": [{...}], "starts": [{...}], "stops": [{...}],
     "restarts": [{...}]}
    {"name": ..., "group": ..., "revision": ..., "autostart": ..., "argv": [...],
     "directory": ..., "environment": INDEX, "inherit_environment": BOOL,
     "user": INDEX or null, "umask": ..., "backend": ..., "logs": {...},
     "marker": {...} or null, "start": INDEX, "stop": INDEX, "restart": INDEX,
     "owner": {...} or null}

A probe carries its kind beside its own keys: ``{"kind": "file", "path": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from hermes_supervise.model.errors import PlanError
from hermes_supervise.model.spec import (
    PLAN_FORMAT,
    Backoff,
    FileProbe,
    GiveUp,
    Launch,
    Logs,
    Marker,
    Owner,
    Plan,
    Probe,
    Program,
    Restart,
    Settings,
    Start,
    Stop,
    TcpProbe,
    UnlockedProbe,
    User,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a third of a megabyte
    from typing import Any

PROBES: dict[str, type[FileProbe | TcpProbe | UnlockedProbe]] = {
    "file": FileProbe,
    "tcp": TcpProbe,
    "unlocked": UnlockedProbe,
}
"""The probe kinds, as the configuration names them."""


def encode(plan: Plan) -> str:
    """Return *plan* as lines of JSON."""
    tables = _Tables()
    programs = [_program_document(program, tables) for program in plan.programs]
    head = {
        "format": PLAN_FORMAT,
        "config": plan.config,
        "settings": asdict(plan.settings),
        "empty_groups": plan.empty_groups,
        "programs": len(programs),
        **tables.rows,
    }
    return "\n".join(json.dumps(line, separators=(",", ":")) for line in (head, *programs))


def decode(text: str) -> Plan:
    """
    Return the plan that *text* was encoded from, exactly.

    Raises:
        PlanError: the text is no plan, is damaged, or has another format number.
    """
    lines = _lines(text)
    try:
        document = json.loads(next(lines))
    except (ValueError, RecursionError):
        raise PlanError("the compiled plan is damaged: it is not JSON") from None
    if not isinstance(document, dict):
        raise PlanError("the compiled plan is damaged: it is not a JSON object")
    number = document.get("format")
    if number != PLAN_FORMAT or isinstance(number, bool):
        raise PlanError(f"the compiled plan has format {number!r}, want {PLAN_FORMAT}")
    try:
        return _plan(document, lines)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as error:
        raise PlanError(f"the compiled plan is damaged: {type(error).__name__}: {error}") from None


class _Tables:
    """Rows that several programs share; equal rows get the same index."""

    def __init__(self) -> None:
        names = ("environments", "users", "starts", "stops", "restarts")
        self.rows: dict[str, list[Mapping[str, object]]] = {name: [] for name in names}
        # Compilers share equal sections as one object, so most look-ups end at the identity.  The
        # object is kept beside its index, or another could be born with the same id.
        self._seen: dict[tuple[str, int], tuple[object, int]] = {}
        self._equal: dict[tuple[str, str], int] = {}

    def index(self, table: str, value: object, document: Mapping[str, object] | None = None) -> int:
        known = self._seen.get((table, id(value)))
        if known is not None:
            return known[1]
        row = document if document is not None else asdict(value)  # type: ignore[call-overload]
        canonical = (table, json.dumps(row))
        index = self._equal.get(canonical)
        if index is None:
            index = self._equal[canonical] = len(self.rows[table])
            self.rows[table].append(row)
        self._seen[table, id(value)] = (value, index)
        return index


def _program_document(program: Program, tables: _Tables) -> dict[str, object]:
    launch = program.launch
    logs, marker, owner = launch.logs, launch.marker, program.owner
    return {
        "name": program.name,
        "group": program.group,
        "revision": program.revision,
        "autostart": program.autostart,
        "argv": launch.argv,
        "directory": launch.directory,
        "environment": tables.index("environments", launch.environment, launch.environment),
        "inherit_environment": launch.inherit_environment,
        "user": None if launch.user is None else tables.index("users", launch.user),
        "umask": launch.umask,
        "backend": launch.backend,
        "logs": {"mode": logs.mode, "path": logs.path, "stderr": logs.stderr},
        "marker": marker
        and {"path": marker.path, "format": marker.format, "pid_file": marker.pid_file},
        "start": tables.index("starts", program.start),
        "stop": tables.index("stops", program.stop, _stop_document(program.stop)),
        "restart": tables.index("restarts", program.restart),
        "owner": owner and {"kind": owner.kind, "path": owner.path},
    }


def _stop_document(stop: Stop) -> dict[str, object]:
    return {
        "signal": stop.signal,
        "drain_timeout": stop.drain_timeout,
        "drain_limit": stop.drain_limit,
        "drained": None if stop.drained is None else _probe_document(stop.drained),
        "linger": stop.linger,
        "force_tree": stop.force_tree,
        "force_interval": stop.force_interval,
    }


def _probe_document(probe: Probe) -> dict[str, object]:
    kind = next(name for name, shape in PROBES.items() if isinstance(probe, shape))
    return {"kind": kind, **asdict(probe)}


def _lines(text: str) -> Iterator[str]:
    """Yield the lines one by one: a list of all would be a copy of the plan."""
    start = 0
    while start >= 0:
        end = text.find("\n", start)
        yield text[start:] if end < 0 else text[start:end]
        start = end + 1 if end >= 0 else -1


class _Rows:
    """The decoded tables of the head, and strings that programs have in common."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.environments = [_environment(row) for row in document["environments"]]
        self.users = [User(**{**row, "groups": tuple(row["groups"])}) for row in document["users"]]
        self.starts = [Start(**row) for row in document["starts"]]
        self.stops = [
            Stop(**{**row, "drained": _probe(row["drained"])}) for row in document["stops"]
        ]
        self.restarts = [_restart(row) for row in document["restarts"]]
        self._strings: dict[str, str] = {}

    def shared(self, text: str) -> str:
        """Return the one object for all equal strings."""
        return self._strings.setdefault(text, text)


def _plan(document: dict[str, Any], lines: Iterator[str]) -> Plan:
    rows = _Rows(document)
    programs = tuple(_program(json.loads(line), rows) for line in lines)
    if len(programs) != document["programs"]:
        raise ValueError(f"{len(programs)} programs, want {document['programs']}")
    return Plan(
        config=document["config"],
        settings=Settings(**document["settings"]),
        programs=programs,
        empty_groups=tuple(document["empty_groups"]),
    )


def _program(row: dict[str, Any], rows: _Rows) -> Program:
    shared = rows.shared
    return Program(
        name=shared(row["name"]),
        group=shared(row["group"]),
        revision=shared(row["revision"]),
        launch=Launch(
            argv=tuple(map(shared, row["argv"])),
            directory=shared(row["directory"]),
            environment=rows.environments[row["environment"]],
            inherit_environment=row["inherit_environment"],
            user=None if row["user"] is None else rows.users[row["user"]],
            umask=row["umask"],
            backend=shared(row["backend"]),
            logs=Logs(**{**row["logs"], "mode": shared(row["logs"]["mode"])}),
            marker=None if row["marker"] is None else Marker(**row["marker"]),
        ),
        autostart=shared(row["autostart"]),
        start=rows.starts[row["start"]],
        stop=rows.stops[row["stop"]],
        restart=rows.restarts[row["restart"]],
        owner=None if row["owner"] is None else Owner(**row["owner"]),
    )


def marker_text(marker: Marker) -> str:
    """Return a marker as text."""
    return json.dumps(asdict(marker), separators=(",", ":"))


def marker_of(text: str | None) -> Marker | None:
    """Return the marker that *text* holds, None if it holds none."""
    try:
        return None if text is None else Marker(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _environment(row: dict[str, str]) -> dict[str, str]:
    if not isinstance(row, dict):
        raise TypeError("an environment is no object")
    return row


def _probe(row: dict[str, Any] | None) -> Probe | None:
    if row is None:
        return None
    return PROBES[row["kind"]](**{key: value for key, value in row.items() if key != "kind"})


def _restart(row: dict[str, Any]) -> Restart:
    give_up = row["give_up"]
    changed = {
        "success_exit_codes": tuple(row["success_exit_codes"]),
        "restart_exit_codes": tuple(row["restart_exit_codes"]),
        "fatal_exit_codes": tuple(row["fatal_exit_codes"]),
        "backoff": Backoff(**row["backoff"]),
        "give_up": None if give_up is None else GiveUp(**give_up),
    }
    return Restart(**{**row, **changed})
