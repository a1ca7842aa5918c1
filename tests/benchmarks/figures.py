"""What was measured, what was aimed at, and the table that puts the two side by side."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The samples of one row for one contender; ``note`` stands where there is no figure."""

    row: str
    who: str
    unit: str
    samples: tuple[float, ...] = ()
    note: str = ""

    @property
    def value(self) -> float | None:
        """The median."""
        return statistics.median(self.samples) if self.samples else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """At most *limit*, times the figure of *than* where that is named."""

    limit: float
    than: str | None = None

    def __str__(self) -> str:
        if self.than:
            return f"≤ {self.limit:g} x {self.than}"
        return f"≤ {self.limit:g}" if self.limit else "0"


OFF = "ours, cgroups: off"
AUTO = "ours, cgroups: auto"

AIMS: dict[tuple[str, str], Aim] = {
    ("start of 1000, compile excluded", OFF): Aim(limit=2.0, than="bare"),
    ("start of 1000, compile excluded", AUTO): Aim(limit=2.5, than="bare"),
    ("crash to replacement, p50", OFF): Aim(limit=1.5, than="bare"),
    ("crash to replacement, p50", AUTO): Aim(limit=2.2, than="bare"),
    ("stop of 100 that drain 1 s", OFF): Aim(limit=1.05, than="bare"),
    ("stop of 1000", OFF): Aim(limit=0.3),
    ("idle with 1000: wake-ups", OFF): Aim(limit=0.0),
    ("memory with 100", OFF): Aim(limit=1.3, than="supervisord"),
    ("memory with 1000", OFF): Aim(limit=1.0, than="supervisord"),
    ("status as JSON, 100", OFF): Aim(limit=50.0),
    ("status as JSON, 1000", OFF): Aim(limit=100.0),
    ("status as a table, 100", OFF): Aim(limit=150.0),
    ("status as a table, 1000", OFF): Aim(limit=800.0),
    ("storm of 50: CPU of the supervisor", OFF): Aim(limit=1.0, than="supervisord"),
}
"""What issue 2 asks for, in the unit of the row or as a ratio."""


@dataclass(slots=True)
class Results:
    """Every figure of one run, in the order in which it was measured."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, row: str, who: str, unit: str, samples: list[float]) -> None:
        """Keep some samples; those of an earlier round of the same row and contender stay."""
        for index, old in enumerate(self.figures):
            if (old.row, old.who) == (row, who):
                more = (*old.samples, *samples)
                self.figures[index] = Figure(row=row, who=who, unit=unit, samples=more)
                return
        self.figures.append(Figure(row=row, who=who, unit=unit, samples=tuple(samples)))

    def skip(self, row: str, who: str, why: str) -> None:
        """Keep the reason why there is no figure."""
        self.figures.append(Figure(row=row, who=who, unit="", note=why))

    def value(self, row: str, who: str) -> float | None:
        """Return the median of a row for a contender, or None where it was not measured."""
        for figure in self.figures:
            if (figure.row, figure.who) == (row, who):
                return figure.value
        return None

    def ratio(self, figure: Figure) -> tuple[float, str] | None:
        """Return (how many times another's figure, whose): the one the aim names, else bare."""
        aim = AIMS.get((figure.row, figure.who))
        other = (aim.than if aim else None) or "bare"
        floor = self.value(figure.row, other)
        if figure.value is None or not floor or figure.who == other:
            return None
        return figure.value / floor, other

    def verdict(self, figure: Figure) -> str:
        """Return ``met``, ``MISSED``, ``not measured``, or nothing where there is no aim."""
        aim = AIMS.get((figure.row, figure.who))
        if aim is None:
            return ""
        ratio = self.ratio(figure)
        reached = ratio[0] if aim.than and ratio else None if aim.than else figure.value
        if reached is None:
            return "not measured"
        return "met" if reached <= aim.limit else "MISSED"


def rendered(results: Results) -> str:
    """Return the table as text, with the reason below it where a figure is missing."""
    head = ("row", "who", "median", "least", "most", "ratio", "aim", "")
    lines: list[tuple[str, ...]] = [head]
    last = ""
    for figure in sorted(results.figures, key=lambda each: _order(results, each)):
        if last and figure.row != last:
            lines.append(("",) * len(head))
        shown = figure.row if figure.row != last else ""
        last = figure.row
        lines.append((shown, figure.who, *_cells(results, figure)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines]  # fmt: skip
    notes = [f"{each.row}, {each.who}: {each.note}" for each in results.figures if each.note]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:], "", *notes]).rstrip()


def _order(results: Results, figure: Figure) -> int:
    return next(i for i, each in enumerate(results.figures) if each.row == figure.row)


def _cells(results: Results, figure: Figure) -> tuple[str, ...]:
    aim = AIMS.get((figure.row, figure.who))
    aimed = str(aim) if aim else ""
    if aim and not aim.than:
        aimed = f"{aimed} {figure.unit}"
    if figure.value is None:
        return ("-", "", "", "", aimed, results.verdict(figure))
    ratio = results.ratio(figure)
    return (
        _number(figure.value, figure.unit),
        _number(min(figure.samples), figure.unit),
        _number(max(figure.samples), figure.unit),
        f"{ratio[0]:.2f} x {ratio[1]}" if ratio else "",
        aimed,
        results.verdict(figure),
    )


def _number(value: float, unit: str) -> str:
    digits = 3 if value < 1 else 2 if value < 100 else 0
    return f"{value:.{digits}f} {unit}" if value else f"0 {unit}"
