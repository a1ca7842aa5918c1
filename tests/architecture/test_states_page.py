"""The page about states says what the code does."""

from __future__ import annotations

from pathlib import Path

from hermes_supervise.decide import document
from hermes_supervise.decide.table import TABLE
from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason, Sight
from tests.property.judge import EVERY_LAW

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "states.md"


def test_the_page_is_what_the_table_draws() -> None:
    """
    Pebble points at a diagram that is not in its tree any more; ours is drawn.

    Cure: ``python -m hermes_supervise.decide.document > docs/reference/states.md``.
    """
    assert PAGE.read_text(encoding="utf-8") == document.document()


def test_every_word_has_a_meaning() -> None:
    """A phase, reason or outcome that people can see and not look up is no word."""
    assert set(document.PHASES) == set(Phase)
    assert set(document.REASONS) == set(Reason)
    assert set(document.OUTCOMES) == set(Outcome)
    assert set(document.SIGHTS) == set(Sight)
    assert set(document.MARKERS) == set(MarkerSight)


def test_every_row_and_every_phase_is_on_the_page() -> None:
    """Nothing of the table is lost on its way to the reader."""
    page = document.document()

    assert all(f"| {row.words} |" in page for row in TABLE)
    assert all(f"-> {phase}\n" in page for phase in Phase)


def test_the_laws_on_the_page_are_those_that_are_judged() -> None:
    """A law that stands on the page only is a wish."""
    assert set(range(1, len(document.LAWS) + 1)) == EVERY_LAW
