"""
Values of environment variables are where secrets live: no excerpt shows them.

A problem may stand on the same line as somebody else's secret, so whole lines are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hermes_supervise.config.problems import Problem
from hermes_supervise.config.source import Source
from hermes_supervise.config.tree import Tree

COVER = "*"


def without_secrets(problems: Iterable[Problem], source: Source, tree: Tree) -> list[Problem]:
    """Return *problems* with the values of environment variables covered in their excerpts."""
    spans = _Spans(tree)
    return [_covered(each, source, spans, tree.complete) for each in problems]


def _covered(problem: Problem, source: Source, spans: _Spans, complete: bool) -> Problem:
    if problem.file != source.name or not problem.excerpt:
        return problem
    line = problem.line - 1
    if not complete and _below_environment(source, line):
        # The text could not be read to its end, so nobody knows where its values begin.
        return replace(problem, excerpt=None, write=None)
    signs = list(problem.excerpt)
    secret = _columns(spans.secret.get(line, ()), len(signs))
    for column in secret - _columns(spans.keys.get(line, ()), len(signs)):
        if signs[column] not in " \t:{},":
            signs[column] = COVER
    return replace(problem, excerpt="".join(signs))


def _columns(spans: Iterable[tuple[int, int]], width: int) -> set[int]:
    return {column for start, end in spans for column in range(start, min(end, width))}


class _Spans:
    """What to cover, and the keys to leave: for each line, the columns from and to."""

    def __init__(self, tree: Tree) -> None:
        self.secret: dict[int, list[tuple[int, int]]] = {}
        self.keys: dict[int, list[tuple[int, int]]] = {}
        seen: set[int] = set()
        for value, event in tree.secret:
            _add(self.secret, event.start_mark, event.end_mark)
            if id(value) not in seen:  # thousands of programs may share one by an alias
                seen.add(id(value))
                self._take(tree, value)

    def _take(self, tree: Tree, value: Any) -> None:
        region = tree.region(value)
        if region is not None:
            _add(self.secret, *region)
        for entry in tree.members(value).values():
            # A merged member stands somewhere else.
            _add(self.secret, entry.value.start_mark, entry.value.end_mark)
            if entry.key is not None:
                _add(self.keys, entry.key.start_mark, entry.key.end_mark)


def _add(spans: dict[int, list[tuple[int, int]]], start: Any, end: Any) -> None:
    for line in range(start.line, end.line + 1):
        first = start.column if line == start.line else 0
        last = end.column if line == end.line else 1 << 30
        spans.setdefault(line, []).append((first, last))


def _below_environment(source: Source, number: int) -> bool:
    line = source.line(number)
    indent = len(line) - len(line.lstrip())
    if "environment" in line:
        return True
    for above in range(number - 1, -1, -1):
        text = source.line(above)
        own = len(text) - len(text.lstrip())
        if not text.strip() or own >= indent:
            continue
        if text.lstrip().startswith(("environment:", '"environment"', "'environment'")):
            return True
        indent = own
        if indent == 0:
            break
    return False
