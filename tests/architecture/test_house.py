"""Rules of the house that a reader can rely on: platform, clock, length, docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.places import PACKAGE, files, modules, room_of

LONGEST = 400
"""Lines of a file; what is longer has become two things."""

KNOWS_THE_PLATFORM = frozenset({"backends", "keeper", "child", "install", "examples"})

ASKS_THE_PLATFORM: dict[str, str] = {
    "run.py": "the foreground says so itself where there is no fork",
    "cli/shutdown.py": "waits for two pids, by pidfd where there is one",
}
"""Modules outside of these rooms that may ask, each with the reason."""

KNOWS_THE_TIME: dict[str, str] = {
    "clock.py": "the place that asks",
    "keeper": "stands alone, and measures only its own patience",
    "backends": "bounds a chase, and turns start times into instants",
    "examples": "a program, not the supervisor",
    "act/marker.py": "writes a given instant as text",
    "control/client.py": "a deadline of the client; importing the clock costs start time",
    "cli/progress.py": "how much is left on a live line",
    "cli/watch.py": "when to draw",
    "cli/following.py": "how long to wait for",
    "cli/waiting.py": "how long to wait for",
    "cli/status.py": "how much time is left in a table",
}
"""Modules or rooms that may ask the time, each with the reason; everything else asks the clock."""

PLATFORM_NAMES = frozenset({"sys.platform", "os.name", "os.uname", "platform.system"})
TIME_MODULES = frozenset({"time", "datetime"})


def label(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def questions_about_the_platform(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in PLATFORM_NAMES:
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hasattr":
            first = ast.unparse(node.args[0])
            if first in ("os", "signal", "select", "socket", "time"):
                yield ast.unparse(node)


@pytest.mark.parametrize("path", modules(), ids=label)
def test_only_some_rooms_look_at_the_platform(path: Path) -> None:
    """The stop bugs of the past were mostly one bug: a stop path for each platform."""
    if room_of(path) in KNOWS_THE_PLATFORM or label(path) in ASKS_THE_PLATFORM:
        return

    assert list(questions_about_the_platform(tree_of(path))) == []


@pytest.mark.parametrize("path", modules(), ids=label)
def test_only_the_clock_asks_the_time(path: Path) -> None:
    """Time is an argument: what is decided at an instant can be decided again in a test."""
    if room_of(path) in KNOWS_THE_TIME or label(path) in KNOWS_THE_TIME:
        return
    imported = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))

    assert imported & TIME_MODULES == set()


def test_every_exception_is_about_a_file_that_exists() -> None:
    """An exception outlives its reason otherwise."""
    places = {label(path) for path in modules()} | {room_of(path) for path in modules()}

    assert set(KNOWS_THE_TIME) - places == set()
    assert set(ASKS_THE_PLATFORM) - places == set()


@pytest.mark.parametrize("path", list(files(".py")), ids=lambda path: path.name)
def test_no_file_is_longer_than_a_reader_holds(path: Path) -> None:
    """What the models of this project blame on themselves sits in their few long files."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Return the public functions, classes and methods without a docstring."""
    if ast.get_docstring(tree) is None:
        yield "the module"
    queue: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while queue:
        prefix, node = queue.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            queue += [(f"{prefix}{node.name}.", inner) for inner in node.body]


@pytest.mark.parametrize("path", modules(), ids=label)
def test_everything_public_says_what_it_is_for(path: Path) -> None:
    """Units, errors and sources stand where the thing is, not in somebody's memory."""
    assert list(undocumented(tree_of(path))) == []
