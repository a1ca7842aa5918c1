"""Where the things are that these tests read: the checkout, the package, its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hermes_supervise"

NOT_OURS = frozenset(
    {".git", ".venv", "build", "dist", "__pycache__", ".hypothesis", "hermes_supervise.egg-info"}
)
"""Folders that the tools make."""


def files(*endings: str) -> Iterator[Path]:
    """Return every file of the checkout with one of these endings (all of them without)."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if any(part in NOT_OURS or part.endswith("_cache") for part in parts):
            continue
        if path.is_file() and (not endings or path.suffix in endings):
            yield path


def modules() -> list[Path]:
    """Return every Python file of the package."""
    return [path for path in files(".py") if PACKAGE in path.parents]


def room_of(path: Path) -> str:
    """Return the room of a module: its folder below the package, or its own name at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def commands_of_readme() -> dict[str, str]:
    """Return the marked shell lines of README.md: name → line."""
    found: dict[str, str] = {}
    name = ""
    for line in (ROOT / "README.md").read_text().splitlines():
        if line.startswith("<!-- command: "):
            name = line.removeprefix("<!-- command: ").removesuffix(" -->")
        elif name and not line.startswith("```"):
            found[name] = line
            name = ""
    return found
