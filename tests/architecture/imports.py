"""
Who may import whom, as data.

A room is a folder of the package, or one of the modules beside them.  What is not listed is not
allowed; ``docs/ARCHITECTURE.md`` shows this very table.  Imports for the type checker alone do not
count: they make no room depend on another when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOMS: dict[str, str] = {
    # the vocabulary, and what has to stand alone
    "model": "",
    "keeper": "",
    "examples": "",
    # pure: no clock, no file, no process
    "plan": "model",
    "decide": "model",
    # text becomes a plan; runs in a process of its own
    "config": "model plan",
    # the shell around the core
    "clock": "model",
    "loop": "clock",
    "backends": "model plan keeper clock",
    "observe": "model clock loop backends",
    "record": "model clock loop decide",
    "logs": "model clock record",
    "act": "model plan clock backends observe record entry",
    "control": "model plan clock loop record entry backends",
    # what is put together of them
    "entry": "model plan loop observe",
    "restore": "model plan decide record entry",
    "reconciler": "model plan decide clock loop backends observe record act entry",
    "startup": "model plan clock keeper backends record",
    "reload": "model plan clock loop record logs control entry restore startup",
    "shutdown": "model plan clock backends record logs",
    "supervisor": (
        "model plan clock loop keeper backends record logs act control "
        "entry restore reconciler startup reload shutdown"
    ),
    # the commands; what they run is imported by name when it is asked for
    "cli": "model plan control",
    "run": "backends config",
    "boot": "keeper supervisor config",
    "__main__": "cli",
}

STANDARD_LIBRARY_ONLY = frozenset({"model", "keeper", "examples", "child"})
"""Nothing else of ours, and nothing that pip installed."""

PACKAGES: dict[str, str] = {"config": "yaml pydantic pydantic_core", "cli": "rich psutil"}
"""Which rooms use what pip installed."""


def imported(path: Path) -> Iterator[str]:
    """Return the dotted name of every module that a file imports when it runs."""
    yield from _names(ast.parse(path.read_text(encoding="utf-8")).body)


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _names(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "hermes_supervise":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module
        else:
            yield from _names(ast.iter_child_nodes(node))
