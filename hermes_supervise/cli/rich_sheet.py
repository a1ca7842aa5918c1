"""The status table drawn with rich, on a terminal, for lists that people read as a whole."""

from __future__ import annotations

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hermes_supervise.cli.sheet import GAP, RIGHT, head_that_fits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from hermes_supervise.cli.sheet import Sheet
    from hermes_supervise.cli.terminal import Terminal

STYLES = {
    "good": "green",
    "busy": "yellow",
    "bad": "bold red",
    "quiet": "dim",
    "name": "bold",
    "head": "bold dim",
    "note": "cyan",
}
"""The same as ``terminal.CODES``, in rich's words."""

RULE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
"""Nothing but a line below the head."""


def draw(whole: Sheet, terminal: Terminal, stream: TextIO) -> None:
    """Write the line about the supervisor and the table to *stream*."""
    console = Console(
        file=stream,
        width=terminal.width,
        force_terminal=True,
        no_color=not terminal.colour,
        color_system="standard" if terminal.colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
    render(whole, console, terminal)


def render(whole: Sheet, console: Console, terminal: Terminal) -> None:
    """Print the sheet on any console of rich; its cells fit *terminal* already."""
    head = Text(no_wrap=True)
    for number, (text, style) in enumerate(head_that_fits(whole.head, terminal)):
        head.append(" " * GAP if number else "").append(text, STYLES.get(style, ""))
    console.print(head)
    console.print()
    console.print(_table(whole))


def _table(whole: Sheet) -> Table:
    table = Table(
        box=RULE,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        border_style="dim",
        header_style=STYLES["head"],
    )
    for name in whole.columns:
        table.add_column(
            name,
            justify="right" if name in RIGHT else "left",
            width=whole.widths[name],
            no_wrap=True,
            overflow="ellipsis",
        )
    for cells in zip(*whole.columns.values(), strict=True):
        table.add_row(*(Text(text, STYLES.get(style, "")) for text, style in cells))
    return table
