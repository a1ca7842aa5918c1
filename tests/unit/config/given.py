"""Configurations in memory, compiled as if they lay in ``/srv/app``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import dedent

from hermes_supervise.config.compile import Compiled, compile_source
from hermes_supervise.config.source import Source
from hermes_supervise.config.surroundings import surroundings
from hermes_supervise.model.spec import Plan, Program
from hermes_supervise.plan import places

ENVIRON = {
    "HOME": "/home/op",
    "PATH": "/bin",
    "EMPTY": "",
    "STAR": "*",
    "XDG_RUNTIME_DIR": "/run/user/1000",
}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody who may not read everything, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def compiled(
    text: str, environ: Mapping[str, str] = ENVIRON, *, uid: int = 1000, folder: str = "/srv/app"
) -> Compiled:
    """Compile a text under the name ``s.yaml``."""
    where = surroundings(f"{folder}/s.yaml", environ, uid, places.XDG)
    return compile_source(Source("s.yaml", dedent(text)), where)


def plan(text: str, environ: Mapping[str, str] = ENVIRON, **more: str) -> Plan:
    """Return the plan of a right text."""
    result = compiled(text, environ, **more)  # type: ignore[arg-type]
    assert not result.problems
    assert result.plan is not None
    return result.plan


def program(keys: str, environ: Mapping[str, str] = ENVIRON, **more: str) -> Program:
    """Return the one program `a` that has these keys besides a command."""
    (only,) = plan(below(keys), environ, **more).programs
    return only


def below(keys: str) -> str:
    """Return a file whose program `a` has these keys besides a command."""
    lines = "".join(f"    {line}\n" for line in dedent(keys).splitlines())
    command = "" if "command:" in keys else "    command: [gw]\n"
    return f"programs:\n  a:\n{command}{lines}"


def messages(text: str, **more: object) -> list[str]:
    """Return every problem of a text as `line:column: key: message`."""
    return [
        str(each).removeprefix("s.yaml:")
        for each in compiled(text, **more).problems  # type: ignore[arg-type]
    ]


def message(keys: str, **more: object) -> str:
    """Return the only problem of a program with these keys, without its place."""
    (only,) = compiled(below(keys), **more).problems  # type: ignore[arg-type]
    return f"{only.key.removeprefix('programs.a.')}: {only.message}"


def write(keys: str) -> str | None:
    """Return what the only problem of a program with these keys says to write."""
    (only,) = compiled(below(keys)).problems
    return only.write
