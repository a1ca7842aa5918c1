"""What the other end of a stream can show: a terminal's size, colours and signs, or plain text."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

USUAL_SIZE = (80, 24)

CODES = {
    "good": "32",
    "busy": "33",
    "bad": "1;31",
    "quiet": "2",
    "name": "1",
    "head": "1;2",
    "note": "36",
}
"""The SGR codes of our styles; a style that is not here is drawn as it is."""


class Terminal:
    """
    What a stream can show.

    ``live`` says that lines can be drawn over; ``colour`` that colours are wanted; ``signs`` that
    more than ASCII arrives.  ``width`` is None where nobody cuts lines.
    """

    __slots__ = ("colour", "height", "live", "signs", "width")

    def __init__(
        self, *, live: bool, colour: bool, signs: bool, width: int | None, height: int
    ) -> None:
        self.live = live
        self.colour = colour
        self.signs = signs
        self.width = width
        self.height = height


def look(stream: TextIO, environ: Mapping[str, str]) -> Terminal:
    """Return what *stream* can show: a pipe, a file and a dumb terminal get plain text."""
    live = stream.isatty() and environ.get("TERM", "") not in ("", "dumb")
    if not live:
        return Terminal(live=False, colour=False, signs=False, width=None, height=USUAL_SIZE[1])
    width, height = size(stream, environ)
    # An empty NO_COLOR means colours: https://no-color.org
    return Terminal(
        live=True,
        colour=not environ.get("NO_COLOR"),
        signs=_signs(stream),
        width=width,
        height=height,
    )


def size(stream: TextIO, environ: Mapping[str, str]) -> tuple[int, int]:
    """Return columns and lines; ``COLUMNS`` and ``LINES`` win, as in every other program."""
    try:
        width, height = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        width, height = USUAL_SIZE
    return _number(environ, "COLUMNS", width), _number(environ, "LINES", height)


def paint(text: str, style: str, terminal: Terminal) -> str:
    """Return *text* in the colours of *style*, where there are colours."""
    code = CODES.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and terminal.colour and text else text


def clean(text: str) -> str:
    """
    Return *text* on one line and without anything that a terminal would obey.

    Messages come from the supervised programs: what they say must not move our cursor.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " for sign in text)


def breadth(text: str) -> int:
    """Return how many columns *text* takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 - rarely needed

    return sum(
        0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text
    )


def cut(text: str, width: int, *, signs: bool = True) -> str:
    """Return *text* in at most *width* columns, with a sign at the end that some is missing."""
    if breadth(text) <= width:
        return text
    mark = "…" if signs else "~"
    while text and breadth(text) > width - 1:
        text = text[:-1]
    return text + mark if width > 0 else ""


def _number(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environ.get(name, "")
    number = int(text) if text.isdecimal() and text.isascii() else 0
    return number or otherwise or 1


def _signs(stream: TextIO) -> bool:
    try:
        "●◐─…✓✗".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
