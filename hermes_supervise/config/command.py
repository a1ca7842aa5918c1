"""
The two ways in: ``hermes-supervise check FILE``, and the compile step of a start or reload.

Both print for people and return an exit code; neither raises for anything in the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from hermes_supervise.config.compile import Compiled, compile_file
from hermes_supervise.config.presence import absent_here
from hermes_supervise.config.problems import printable, render
from hermes_supervise.plan import places
from hermes_supervise.plan.codec import encode

DONE = 0
CONFIGURATION = 3


def check(
    path: str,
    environ: Mapping[str, str],
    out: TextIO,
    err: TextIO,
    *,
    uid: int | None = None,
    layout: str = places.XDG,
) -> int:
    """
    Say whether the file at *path* is right.

    Returns:
        0 with a one-line summary on *out*, and warnings on *err*; 3 with every problem on *err*.
    """
    compiled = compile_file(path, environ, uid=uid, layout=layout)
    if compiled.plan is None:
        _put(err, render(compiled.problems))
        return CONFIGURATION
    _warn(compiled, err)
    for warning in absent_here(compiled.plan, environ):
        _put(err, f"warning: {printable(f'{path}: {warning}')}\n")
    count = len(compiled.plan.programs)
    programs = "1 program" if count == 1 else f"{count} programs"
    _put(out, f"{printable(path)}: ok, {programs}\n")
    return DONE


def compile_to(
    path: str,
    environ: Mapping[str, str],
    stream_fd: int,
    err: TextIO,
    *,
    uid: int | None = None,
    layout: str = places.XDG,
) -> int:
    """
    Write the compiled plan of the file at *path* to the descriptor *stream_fd*.

    The descriptor is left open.  Nothing is written to it when there is a problem.

    Returns:
        0 with the plan written (warnings on *err*); 3 with every problem on *err*.

    Raises:
        OSError: nobody reads the descriptor any more.
    """
    compiled = compile_file(path, environ, uid=uid, layout=layout)
    if compiled.plan is None:
        _put(err, render(compiled.problems))
        return CONFIGURATION
    _warn(compiled, err)
    rest = memoryview(encode(compiled.plan).encode("ascii"))
    while rest:
        rest = rest[os.write(stream_fd, rest) :]
    return DONE


def _warn(compiled: Compiled, err: TextIO) -> None:
    for warning in compiled.warnings:
        _put(err, f"warning: {warning}\n")


def _put(stream: TextIO, text: str) -> None:
    # A terminal that is not UTF-8 gets escapes, not a traceback.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
