"""The reference page of the history says what the code tells, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from hermes_supervise.model.phase import Phase, Reason
from tests.unit.logs.test_sentences import kinds

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "events.md"


def documented() -> set[str]:
    """Return the kinds that the page has rows for."""
    sections = PAGE.read_text().split("## ", 1)[1]
    rows = re.findall(r"^\| ((?:`[a-z-]+` ?)+)\|", sections, re.M)
    return {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row)}


def test_every_kind_of_event_is_documented_and_every_documented_kind_exists() -> None:
    """Whoever reads the history by a program has only this page."""
    asked = {"marker-expired", "forced", "leftovers", "lingered"}

    assert documented() == kinds() | asked


def test_every_phase_and_reason_stands_on_the_page() -> None:
    """They are the words of ``phase_from``, ``phase_to`` and ``reason``."""
    page = PAGE.read_text()

    assert [p.value for p in Phase if f"`{p.value}`" not in page] == []
    assert [r.value for r in Reason if f"`{r.value}`" not in page] == []
