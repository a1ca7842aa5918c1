"""What every verb shares before anything is parsed or drawn: exit codes, options, usage errors."""

from __future__ import annotations

from types import SimpleNamespace

DONE = 0
NOT_AS_ASKED = 1
USAGE = 2
CONFIGURATION = 3
NO_SUPERVISOR = 4
TIME_RAN_OUT = 5


class Options(SimpleNamespace):
    """What the operator wrote, by option name; the verbs of ``arguments`` say which there are."""


class UsageError(Exception):
    """The command line cannot be understood; the text says what to write instead."""


def nearest(word: str, known: list[str]) -> str:
    """Return ``; did you mean X?`` for the nearest of *known*, or nothing when none is near."""
    import difflib  # noqa: PLC0415 - only a mistake pays for it

    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""
