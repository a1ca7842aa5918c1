"""
What is wrong with a configuration, where, and what to write instead; and how it is shown.

A problem is made where it is found and never raised: all of them are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN_WIDTH = 120
"""Most characters of a source line that are shown."""

SHOWN_PROBLEMS = 200
"""Most problems that are written out; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    One thing to mend: ``file:line:column: key: message``, and what helps to mend it.

    ``line`` and ``column`` count from 1.  ``excerpt`` is the source line, None where it must not
    be shown or does not exist.  ``note`` is a sentence, ``write`` the text to write instead.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    excerpt: str | None = None
    width: int = 1
    note: str | None = None
    write: str | None = None

    @property
    def where(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        """Return the problem on one line."""
        key = f"{self.key}: " if self.key else ""
        return printable(f"{self.where}: {key}{self.message}")


def render(
    problems: Sequence[Problem],
    closing: str = "Nothing was changed; the running programs keep the old configuration.",
) -> str:
    """Return the text for people: each problem with its line, a caret and the cure."""
    shown = [_paragraph(problem) for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"… and {len(problems) - SHOWN_PROBLEMS} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n\n".join([*shown, f"{count}. {closing}\n"])


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without repetitions, in the order of the text."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda each: (each.file, each.line, each.column)))


def printable(text: str) -> str:
    """Return *text* with everything escaped that a terminal would obey or could not encode."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shortened(text: str, limit: int = 60) -> str:
    """Return *text*, cut with an ellipsis when it is longer than *limit* characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _paragraph(problem: Problem) -> str:
    lines = [str(problem), *_excerpt(problem)]
    if problem.note:
        lines.append(printable(f"  {problem.note}"))
    if problem.write:
        first, *rest = problem.write.splitlines()
        lines.append(printable(f"  write:  {first}"))
        lines += [printable(f"          {line}") for line in rest]
    return "\n".join(lines)


def _excerpt(problem: Problem) -> list[str]:
    if problem.excerpt is None or not problem.excerpt.strip():
        return []
    text = problem.excerpt.replace("\t", " ")
    start = problem.column - 1
    # A very long line is shown around the place that matters.
    cut = max(0, start - SHOWN_WIDTH // 2) if len(text) > SHOWN_WIDTH else 0
    shown = text[cut : cut + SHOWN_WIDTH].rstrip()
    caret_at = max(0, min(start - cut, len(shown)))
    carets = "^" * max(1, min(problem.width, len(shown) - caret_at))
    gutter = f"{problem.line:>5} | "
    # Escaping widens what stands left of the caret.
    left = len(printable(shown[:caret_at]))
    return [gutter + printable(shown), " " * (len(gutter) - 2) + "| " + " " * left + carets]
