"""
``python -m tests.benchmarks``: measure, and print a table of ratios.

Exit code 0 when everything that was asked for was measured, whether or not an aim was met: a
benchmark informs, it does not judge a change.  1 when something could not be measured, 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.contenders import Bare, Contender, Ours, running, supervisord
from tests.benchmarks.figures import Results, rendered
from tests.benchmarks.fleet import CannotMeasureError, compiled
from tests.benchmarks.kernel import machine
from tests.benchmarks.rows import ROWS, Session

WHO = ("bare", "off", "auto", "supervisord")


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for."""
    options = _options(arguments)
    results = Results()
    contenders = tuple(_contenders(options.who, results))
    with tempfile.TemporaryDirectory(prefix="hsb-") as folder:
        try:
            subject = compiled(Path(folder))
        except CannotMeasureError as problem:
            print(f"benchmarks: {problem}", file=sys.stderr)
            return 1
        session = Session(
            contenders=contenders,
            subject=subject,
            sizes=tuple(sorted(options.sizes)),
            rounds=options.rounds,
            seconds=options.seconds,
            patient=options.patient,
            results=results,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        _warm_up(session)
        facts = machine()
        for row in options.rows:
            ROWS[row](session)
    print("\n".join(f"{key}: {value}" for key, value in facts.items()), end="\n\n")
    print(rendered(results))
    if options.json:
        _write(options.json, facts, results)
    missing = [each for each in results.figures if each.note and each.who != "supervisord"]
    return 1 if missing else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="what supervision costs, beside a bare loop and supervisord",
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--who", nargs="+", choices=WHO, default=list(WHO))
    parser.add_argument("--sizes", nargs="+", type=int, default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender in a row")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long idleness is watched")
    parser.add_argument("--patient", action="store_true", help="also what takes a peer minutes")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    return parser.parse_args(arguments)


def _contenders(who: list[str], results: Results) -> list[Contender]:
    chosen: list[Contender] = []
    if "bare" in who:
        chosen.append(Bare())
    chosen += [Ours(cgroups) for cgroups in ("off", "auto") if cgroups in who]
    if "supervisord" in who:
        try:
            chosen.append(supervisord())
        except CannotMeasureError as problem:
            results.skip("every row", "supervisord", f"not installable: {problem}")
    return chosen


def _warm_up(session: Session) -> None:
    """Let everybody run once: what Python compiles on first use is no cost of a start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for contender in session.contenders:
        session.say(f"warming up: {contender.name}")
        with (
            contextlib.suppress(CannotMeasureError),  # the rows will say so
            running(contender, session.subject, "p", 1) as run,
        ):
            run.until_started(1)
            for command in contender.status(run.fleet):
                subprocess.run(command, capture_output=True, check=False)
            run.stop()


def _write(path: Path, facts: dict[str, str], results: Results) -> None:
    figures = [
        {
            "row": each.row,
            "who": each.who,
            "unit": each.unit,
            "samples": each.samples,
            "median": each.value,
            "verdict": results.verdict(each) or None,
            "note": each.note or None,
        }
        for each in results.figures
    ]
    path.write_text(json.dumps({"machine": facts, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
