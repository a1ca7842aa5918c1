"""``ctl status``: the document for machines, the table for people, live where that is asked."""

from __future__ import annotations

import json
import os
import sys
from time import time  # noqa: TID251 - only to say how much time is left, never to decide

from hermes_supervise.cli.usage import DONE, NOT_AS_ASKED, UsageError
from hermes_supervise.control.client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.usage import Options

RICH_ROWS = 200
"""More rows than this are drawn by hand: rich takes a millisecond for each."""


def run(options: Options) -> int:
    """Answer ``status`` and return its exit code."""
    if options.watch:
        if options.json or options.check:
            raise UsageError("ctl status --watch draws for people; leave out --json and --check")
        from hermes_supervise.cli.watch import watch  # noqa: PLC0415 - a plain status stays quick

        return watch(options)
    document = call(options.address, "status", {"names": options.names})
    if options.json:
        sys.stdout.write(document_text(document, _figures(document, options)))
    else:
        _draw(document, options)
    return code(document, options)


def code(document: dict[str, Any], options: Options) -> int:
    """Return the exit code: with ``--check`` 1 unless every program is as wanted."""
    if not options.check:
        return DONE
    from hermes_supervise.cli.words import as_wanted  # noqa: PLC0415 - see above

    return DONE if all(as_wanted(row) for row in document["programs"]) else NOT_AS_ASKED


def document_text(document: dict[str, Any], figures: dict[str, dict[str, Any]] | None) -> str:
    """Return the contract document, one program a line, so that ``grep`` and ``diff`` work."""
    rows = document["programs"]
    if figures is not None:
        rows = [{**row, "stats": figures.get(row["name"])} for row in rows]
    body = ",\n".join([f"  {json.dumps(row)}" for row in rows])
    return (
        f'{{"format": {json.dumps(document["format"])},\n'
        f' "supervisor": {json.dumps(document["supervisor"])},\n'
        f' "programs": [{body and chr(10)}{body}]}}\n'
    )


def _figures(document: dict[str, Any], options: Options) -> dict[str, dict[str, Any]] | None:
    if not options.stats:
        return None
    from hermes_supervise.cli.figures import figures  # noqa: PLC0415 - psutil is heavy

    return figures(document["programs"])


def _draw(document: dict[str, Any], options: Options) -> None:
    from hermes_supervise.cli import sheet, terminal  # noqa: PLC0415 - ``--json`` needs neither

    shown = terminal.look(sys.stdout, os.environ)
    stats = None
    if options.stats:
        from hermes_supervise.cli.figures import figures, in_words  # noqa: PLC0415 - see above

        stats = in_words(figures(document["programs"]))
    rows = document["programs"]
    whole = sheet.sheet(document["supervisor"], rows, time(), shown, stats)
    if shown.live and shown.signs and len(rows) <= RICH_ROWS:
        from hermes_supervise.cli.rich_sheet import draw  # noqa: PLC0415 - 40 ms of imports

        draw(whole, shown, sys.stdout)
        return
    sys.stdout.write("\n".join(sheet.lines(whole, shown)) + "\n")
