"""``ctl start``, ``stop`` and ``restart``: ask, then wait and show what happens."""

from __future__ import annotations

import os
import sys
from time import monotonic  # noqa: TID251 - how long to wait for, no decision about a program

from hermes_supervise.cli.following import Following
from hermes_supervise.cli.interrupts import Interrupts
from hermes_supervise.cli.progress import Progress
from hermes_supervise.cli.terminal import look
from hermes_supervise.cli.usage import DONE, NOT_AS_ASKED, TIME_RAN_OUT, UsageError
from hermes_supervise.control.client import CALL_TIMEOUT, call
from hermes_supervise.model.errors import TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.usage import Options


LEAST_ASKING = 1.0
"""Seconds that a supervisor always has to take a request, however short the waiting may be."""


def run(options: Options) -> int:
    """Do the verb and return its exit code."""
    try:
        return _asked(options)
    except TimedOut as problem:
        if options.timeout is None:
            raise
        print(f"time ran out; {options.verb} may not be asked for: {problem}", file=sys.stderr)
        return TIME_RAN_OUT


def _asked(options: Options) -> int:
    batch = getattr(options, "max_parallel", None)
    if options.no_wait:
        if batch is not None:
            raise UsageError("ctl restart: --max-parallel has to wait; leave out --no-wait")
        _call(options, options.verb, _params(options, options.names))
        return DONE
    deadline = None if options.timeout is None else monotonic() + options.timeout
    if batch is None:
        return _whole(options, deadline)
    return _in_batches(options, batch, deadline)


def _whole(options: Options, deadline: float | None) -> int:
    taken = _call(options, options.verb, _params(options, options.names))
    progress = Progress(sys.stdout, look(sys.stdout, os.environ), len(taken["programs"]))
    with Interrupts() as interrupts:
        following = Following(options.address, taken, progress, interrupts, deadline)
        try:
            following.wait()
        finally:
            progress.finish()
    return _code(options, following)


def _in_batches(options: Options, batch: int, deadline: float | None) -> int:
    rows = _call(options, "status", {"names": options.names})["programs"]
    waiting = [row["name"] for row in rows]
    progress = Progress(sys.stdout, look(sys.stdout, os.environ), len(waiting))
    code = DONE
    with Interrupts() as interrupts:
        try:
            while waiting and code == DONE:
                now, waiting = waiting[:batch], waiting[batch:]
                taken = _call(options, "restart", _params(options, now))
                following = Following(options.address, taken, progress, interrupts, deadline)
                following.wait()
                code = _code(options, following)
        finally:
            progress.finish()
    if waiting:
        print(f"not restarted: {', '.join(waiting)}", file=sys.stderr)
    return code


def _call(options: Options, method: str, params: dict[str, object]) -> dict[str, Any]:
    """Ask; one that never answers is not waited for longer than the operator waits."""
    timeout = CALL_TIMEOUT
    if options.timeout is not None:
        timeout = min(timeout, max(options.timeout, LEAST_ASKING))
    return call(options.address, method, params, timeout=timeout)


def _params(options: Options, names: list[str]) -> dict[str, object]:
    params: dict[str, object] = {"names": names}
    if options.verb != "start":
        params["force"] = options.force
    if options.verb == "stop" and options.drain_timeout is not None:
        params["drain_timeout"] = options.drain_timeout
    return params


def _code(options: Options, following: Following) -> int:
    verdicts = following.verdicts
    if following.ended == "done":
        return NOT_AS_ASKED if "failed" in verdicts.values() else DONE
    open_names = [name for name, verdict in verdicts.items() if verdict == "pending"]
    some = ", ".join(open_names[:5]) + (" ..." if len(open_names) > 5 else "")
    why = "time ran out" if following.ended == "time" else "no longer waiting"
    print(f"{why}; {options.verb} stays asked for: {some}", file=sys.stderr)
    return TIME_RAN_OUT
