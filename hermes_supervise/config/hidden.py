"""
Values of environment variables are where secrets live: no excerpt shows them.

A problem may stand on the same line as somebody else's secret, so whole lines are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from hermes_supervise.config.problems import Problem
from hermes_supervise.config.source import Source
from hermes_supervise.config.tree import Tree

COVER = "*"


def without_secrets(problems: Iterable[Problem], source: Source, tree: Tree) -> list[Problem]:
    """Return *problems* with the values of environment variables covered in their excerpts."""
    spans = _spans(tree)
    return [_covered(each, source, spans, tree.complete) for each in problems]


def _covered(
    problem: Problem, source: Source, spans: dict[int, list[tuple[int, int]]], complete: bool
) -> Problem:
    if problem.file != source.name or not problem.excerpt:
        return problem
    line = problem.line - 1
    if not complete and _below_environment(source, line):
        # The text could not be read to its end, so nobody knows where its values begin.
        return replace(problem, excerpt=None, write=None)
    text = problem.excerpt
    for start, end in spans.get(line, ()):
        covered = COVER * (min(end, len(text)) - start)
        text = text[:start] + covered + text[start + len(covered) :]
    return replace(problem, excerpt=text)


def _spans(tree: Tree) -> dict[int, list[tuple[int, int]]]:
    """Return what to cover: for each line, counted from 0, the columns from and to."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for event in _secret_events(tree):
        start, end = event.start_mark, event.end_mark
        for line in range(start.line, end.line + 1):
            first = start.column if line == start.line else 0
            last = end.column if line == end.line else 1 << 30
            spans.setdefault(line, []).append((first, last))
    return spans


def _secret_events(tree: Tree) -> Iterator[Any]:
    root = tree.value if isinstance(tree.value, dict) else {}
    programs = root.get("programs")
    sections = [root.get("defaults"), *(programs.values() if isinstance(programs, dict) else ())]
    for section in sections:
        if isinstance(section, dict) and "environment" in section:
            entry = tree.entry(section, "environment")
            if entry is not None:
                yield from _scalars(tree, section["environment"], entry.value)


def _scalars(tree: Tree, value: Any, event: Any) -> Iterator[Any]:
    if not isinstance(value, dict | list):
        yield event
        return
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        entry = tree.entry(value, key)
        if entry is not None:
            yield from _scalars(tree, member, entry.value)


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
