"""``hermes-supervise ctl``: which supervisor, which verb, and what an answer means as exit code."""

from __future__ import annotations

import importlib
import os
import sys

from hermes_supervise.cli.locate import locate
from hermes_supervise.cli.usage import (
    CONFIGURATION,
    DONE,
    NO_SUPERVISOR,
    NOT_AS_ASKED,
    USAGE,
    Options,
    UsageError,
    nearest,
)
from hermes_supervise.control import protocol
from hermes_supervise.control.client import call
from hermes_supervise.model.errors import ControlError, NotRunning, RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ROOMS = {
    "status": "status",
    "start": "waiting",
    "stop": "waiting",
    "restart": "waiting",
    "reload": "reload",
    "logs": "logs",
    "events": "events",
    "signal": "signals",
    "shutdown": "shutdown",
}
"""The module of each verb; only that one is imported."""

_QUICK_FLAGS = ("--json", "--check", "--stats", "--watch")
_PLACE_OPTIONS = {"-c": "config", "--config": "config", "--socket": "socket"}


def main(words: Sequence[str]) -> int:
    """
    Do one verb and return its exit code.

    Raises:
        UsageError: *words* cannot be understood.
    """
    options = read(words)
    if options is None:
        return DONE
    environ = os.environ
    try:
        options.address, start = locate(options.config, options.socket, environ, os.getuid())
    except NotRunning as problem:
        return _say(NO_SUPERVISOR, str(problem))
    room = importlib.import_module(f"hermes_supervise.cli.{ROOMS[options.verb]}")
    try:
        code: int = room.run(options)
    except NotRunning as problem:
        return _say(NO_SUPERVISOR, f"no supervisor answers: {problem}; start one with: {start}")
    except RemoteError as problem:
        return _refused(problem, options)
    except ControlError as problem:
        return _say(NO_SUPERVISOR, f"no supervisor answers: {problem}")
    return code


def read(words: Sequence[str]) -> Options | None:
    """
    Return what *words* say, or None when they asked for help and got it.

    Raises:
        UsageError: They cannot be understood, or ask for what a later version brings.
    """
    place, rest = _place(words)
    if rest and rest[0] in ("-h", "--help"):
        _help()
        return None
    if not rest or rest[0] not in ROOMS:
        raise UsageError(_no_verb(rest))
    verb, told = rest[0], rest[1:]
    options = _quick(told) if verb == "status" else None
    if options is None:
        arguments = importlib.import_module("hermes_supervise.cli.arguments")
        options = arguments.parse(arguments.verb_parser(verb), told)
    for later in ("deep", "take_over"):
        if getattr(options, later, False):
            raise UsageError(f"ctl {verb} --{later.replace('_', '-')}: not yet in this version")
    options.verb, options.config, options.socket = verb, place["config"], place["socket"]
    return options


def _place(words: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """Take ``-c`` and ``--socket`` off the front; argparse would cost as much as the answer."""
    place: dict[str, str | None] = {"config": None, "socket": None}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        word, _, value = rest.pop(0).partition("=")
        if word == "--token-file":
            raise UsageError("ctl --token-file: not yet in this version; write -c or --socket")
        key = _PLACE_OPTIONS.get(word)
        if key is None:
            raise UsageError(f"ctl: no such option before the verb: {word}; {_usage()}")
        if not value:
            if not rest:
                raise UsageError(f"ctl {word}: got nothing, want a path; {_usage()}")
            value = rest.pop(0)
        place[key] = value
    if place["config"] is not None and place["socket"] is not None:
        raise UsageError("ctl: -c and --socket exclude each other; write one of them")
    return place, rest


def _quick(words: Sequence[str]) -> Options | None:
    """Return the options of a plain ``status``, or None when argparse has to look at them."""
    flags = {word for word in words if word.startswith("-")}
    if not flags <= set(_QUICK_FLAGS):
        return None
    names = [word for word in words if not word.startswith("-")]
    options = Options(names=names, deep=False)
    for flag in _QUICK_FLAGS:
        setattr(options, flag[2:], flag in flags)
    return options


def _refused(problem: RemoteError, options: Options) -> int:
    message = str(problem)
    match problem.code:
        case protocol.NO_SUCH_PROGRAM:
            return _say(USAGE, message + _near_names(message, problem.data, options))
        case protocol.BAD_CONFIGURATION:
            data = problem.data if isinstance(problem.data, dict) else {}
            return _say(CONFIGURATION, str(data.get("problems") or message).rstrip("\n"))
        case protocol.INVALID_PARAMS | protocol.INVALID_REQUEST:
            return _say(USAGE, message)
        case protocol.NO_SUCH_METHOD:
            return _say(USAGE, f"the supervisor is of another version: {message}")
        case _:
            return _say(NOT_AS_ASKED, message)


def _near_names(message: str, data: object, options: Options) -> str:
    """Return a hint, unless the supervisor gave one already."""
    if "mean" in message or "near" in message:
        return ""
    if isinstance(data, dict) and isinstance(data.get("near"), list) and data["near"]:
        return f"; did you mean {' or '.join(str(name) for name in data['near'])}?"
    asked = list(getattr(options, "names", None) or [getattr(options, "name", None) or ""])
    try:
        rows = call(options.address, "status", {"names": []}, timeout=2.0)["programs"]
    except (ControlError, KeyError):
        return ""
    known = [row["name"] for row in rows]
    hints = (nearest(name, known) for name in asked if name and name not in known)
    return next((hint for hint in hints if hint), "")


def _no_verb(rest: list[str]) -> str:
    if not rest:
        return f"ctl: no verb; {_usage()}"
    arguments = importlib.import_module("hermes_supervise.cli.arguments")
    if rest[0] in arguments.LATER_VERBS:
        return f"ctl {rest[0]}: not yet in this version"
    return f"ctl: no such verb: {rest[0]}{nearest(rest[0], list(ROOMS))} ({', '.join(ROOMS)})"


def _usage() -> str:
    return "usage: hermes-supervise ctl [-c FILE | --socket ADDR] VERB ..."


def _help() -> None:
    arguments = importlib.import_module("hermes_supervise.cli.arguments")
    lines = [arguments.place_parser().format_help(), "verbs (VERB -h says more):"]
    lines += [f"  {verb:<10} {text}" for verb, text in arguments.VERBS.items()]
    print("\n".join(lines))


def _say(code: int, message: str) -> int:
    sys.stdout.flush()
    print(message, file=sys.stderr)
    return code
