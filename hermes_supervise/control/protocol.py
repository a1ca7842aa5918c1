"""
The control protocol: JSON-RPC 2.0, one object per line, the same words on both sides.

A request has at most ``REQUEST_LIMIT`` bytes.  A reply about many programs comes as several
responses with the same id, each with at most ``ROWS_PER_CHUNK`` rows and ``"more": true`` on all
but the last.  A request that follows something is answered by notifications first and by its
response when there is nothing more to follow.  Only ``json`` is imported: the start time of every
``ctl`` is paid for here.
"""

from __future__ import annotations

import json

REQUEST_LIMIT = 1 << 20
"""Longest request in bytes, its newline included."""

ROWS_PER_CHUNK = 500
"""Most rows in one response."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
NO_SUCH_METHOD = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NO_SUCH_PROGRAM = -32001
REFUSED = -32002
NOT_RECORDED = -32003
NOT_PERMITTED = -32004
BAD_CONFIGURATION = -32010

REQUIRED = object()

METHODS: dict[str, dict[str, tuple[type | tuple[type, ...], object]]] = {
    # names: program names, group names of for_each, or globs; "all" and an empty list mean all.
    # status -> {"format": 1, "supervisor": {...}, "programs": [row...], "more": bool}
    "status": {"names": (list, [])},
    # start, stop, restart answer as soon as the request is durable:
    # -> {"format": 1, "kind": "stop", "programs": {NAME: RUN_ID or null, ...}}
    # RUN_ID is the run that lived when the request was taken; hand the result to "follow".
    "start": {"names": (list, REQUIRED)},
    "stop": {
        "names": (list, REQUIRED),
        "force": (bool, False),
        "drain_timeout": ((int, float, type(None)), None),
    },
    "restart": {"names": (list, REQUIRED), "force": (bool, False)},
    # follow: notifications "progress" {"program": row, "verdict": V, "note": TEXT}, the first for
    # each program at once and then on every change; V: pending | done | failed.
    # -> {"programs": [{"name", "verdict", "note"}...]} when none is pending
    "follow": {"kind": (str, REQUIRED), "programs": (dict, REQUIRED)},
    # watch: notifications "row" {"program": row}, "gone" {"name"} and "supervisor" {...} until the
    # client leaves.
    "watch": {"names": (list, [])},
    # reload -> "applied" (a bool), "notes" (sentences about the rest of the file) and "changes":
    # for each program its name, action (add, remove, restart, update or none) and fields, each
    # field with key, old and new.
    # Error BAD_CONFIGURATION: data {"problems": TEXT}
    "reload": {"plan_only": (bool, False), "allow_empty": (bool, False)},
    # events -> {"events": [event...], "more": bool}; with follow, notifications "event" {event}
    # after that first response, until the client leaves.  after: an event id, exclusive.
    "events": {
        "name": ((str, type(None)), None),
        "limit": (int, 50),
        "after": ((int, type(None)), None),
        "follow": (bool, False),
    },
    # logs -> {"programs": [{"name", "mode", "path": PATH or null, "stderr": PATH or null}]}
    "logs": {"names": (list, REQUIRED)},
    # signal -> {"sent": [NAME...], "failed": {NAME: why}}
    "signal": {"names": (list, REQUIRED), "signal": (str, REQUIRED)},
    # shutdown -> {"pids": [keeper or null, supervisor]}; the caller then waits for their end.
    "shutdown": {"leave": (bool, False)},
}
"""Every method with its parameters (types, default); the comment above each has its answer."""


class RpcError(Exception):
    """A request that is answered with an error: a JSON-RPC code, a sentence, optional data."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def encode(document: object) -> bytes:
    """Return one message as a line of UTF-8 JSON."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def request(ident: int, method: str, params: dict[str, object]) -> bytes:
    """Return a request line."""
    return encode({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})


def response(ident: object, result: object) -> bytes:
    """Return a response line."""
    return encode({"jsonrpc": "2.0", "id": ident, "result": result})


def notification(method: str, params: object) -> bytes:
    """Return a notification line."""
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


def error(ident: object, problem: RpcError) -> bytes:
    """Return an error line."""
    body: dict[str, object] = {"code": problem.code, "message": problem.message}
    if problem.data is not None:
        body["data"] = problem.data
    return encode({"jsonrpc": "2.0", "id": ident, "error": body})


def parse(line: bytes) -> tuple[object, str, dict[str, object]]:
    """
    Return (id, method, params with every default filled in) of a request line.

    Raises:
        RpcError: the line is no JSON, no request, names an unknown method or has wrong parameters.
            The error's ``data`` may hold ``{"id": ...}`` when the id could be read.
    """
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "this line is not JSON") from None
    if not isinstance(document, dict) or document.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'not a JSON-RPC 2.0 request: send {"jsonrpc": "2.0", ...}')
    ident = document.get("id")
    if not isinstance(ident, int | str) or isinstance(ident, bool):
        raise RpcError(INVALID_REQUEST, "the id must be a number or a string")
    method = document.get("method")
    params = document.get("params", {})
    known = METHODS.get(method) if isinstance(method, str) else None
    if known is None:
        raise RpcError(NO_SUCH_METHOD, f"no such method: {method!r}", {"id": ident})
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object", {"id": ident})
    return ident, str(method), _checked(params, known, ident)


def _checked(
    params: dict[str, object],
    known: dict[str, tuple[type | tuple[type, ...], object]],
    ident: object,
) -> dict[str, object]:
    for key in params:
        if key not in known:
            message = f"no such parameter: {key!r} (known: {', '.join(known) or 'none'})"
            raise RpcError(INVALID_PARAMS, message, {"id": ident})
    filled: dict[str, object] = {}
    for key, (kind, default) in known.items():
        value = params.get(key, default)
        wrong = value is REQUIRED or (key in params and not _fits(value, kind))
        if wrong:
            got = "nothing" if value is REQUIRED else type(value).__name__
            raise RpcError(INVALID_PARAMS, f"parameter {key!r}: got {got}", {"id": ident})
        filled[key] = value
    return filled


def _fits(value: object, kind: type | tuple[type, ...]) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, float) and not -1e300 < value < 1e300:
        return False  # NaN and Infinity are no JSON, but Python reads them
    return isinstance(value, kind)
