"""From what an operator typed to programs: names, groups of ``for_each``, globs, ``all``."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from hermes_supervise.control.protocol import NO_SUCH_PROGRAM, RpcError


def programs_named(
    names: Iterable[str], groups: Mapping[str, str], *, empty_is_all: bool
) -> list[str]:
    """
    Return the programs that *names* mean, each once, in the order of *groups*.

    Args:
        names: Program or group names, globs, or ``all``.
        groups: Every program with the group it belongs to.
        empty_is_all: Whether no name at all means every program.

    Raises:
        RpcError: a name means nothing; its data has ``near``.
    """
    wanted = list(names)
    if "all" in wanted or (not wanted and empty_is_all):
        return list(groups)
    found: set[str] = set()
    for name in wanted:
        hits = _hits(name, groups)
        if not hits:
            raise _no_such(name, groups)
        found |= hits
    return [name for name in groups if name in found]


def _hits(name: str, groups: Mapping[str, str]) -> set[str]:
    if name in groups:
        return {name}
    if any(sign in name for sign in "*?["):
        return {n for n in groups if fnmatch.fnmatchcase(n, name)}
    return {n for n, group in groups.items() if group == name}


def _no_such(name: str, groups: Mapping[str, str]) -> RpcError:
    import difflib  # noqa: PLC0415  # a quarter of a megabyte for the rare mistake

    known = list(dict.fromkeys([*groups, *groups.values()]))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return RpcError(NO_SUCH_PROGRAM, f"no such program: {name}{hint}", {"near": near})
