"""
``${VAR}``, ``${VAR:-default}``, ``$$`` and ``{KEY}`` in texts, filled in one pass.

What was filled in is not looked at again: a value with a dollar in it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hermes_supervise.config.kinds import Template

RESULT_LIMIT = 1 << 20
"""Longest text in characters after filling in; the longest argument of a program is 128 KB."""

_TOKEN = re.compile(
    r"""
      \$\$ (?P<literal> \{[^{}]*\} )?
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* )
           (?: :- (?P<default> [^{}]* (?: \{[^{}]*\} [^{}]* )* ) )? \}
    | (?P<broken> \$\{ [^}\n]* \}? )
    | \{ (?P<key> [A-Za-z_][A-Za-z0-9_]* ) \}
    """,
    re.VERBOSE,
)

Lookup = Callable[[str], str | None]


class Unfilled(Exception):  # noqa: N818 - carried to the one place that reports it
    """A text that cannot be filled in; ``message`` says why, ``note`` what to do."""

    def __init__(self, message: str, note: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.note = note


def fill(text: str, lookup: Lookup, key: str | None = None, value: str = "") -> str:
    """
    Return *text* filled in.

    Args:
        text: What the file says.
        lookup: Returns the value of a variable, or None where it is not set.
        key: The key of ``for_each``; ``{KEY}`` becomes *value*, other braces are left alone.
        value: What ``{KEY}`` stands for.

    Raises:
        Unfilled: a variable is not set, a ``${`` is no variable, or the result is too long.
    """
    length = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal length
        result = _token(match, lookup, key, value)
        length += len(result)
        if length > RESULT_LIMIT:
            raise Unfilled("the text would be longer than 1 MB once it is filled in")
        return result

    return _TOKEN.sub(replacement, text)


def _token(match: re.Match[str], lookup: Lookup, key: str | None, value: str) -> str:
    name = match["name"]
    if name is not None:
        found = lookup(name)
        default = match["default"]
        if default is not None:
            # As in a shell: an empty variable takes the default, too.
            return found or fill(default, lookup, key, value)
        if found is None:
            raise Unfilled(
                f"the variable {name} is not set",
                f"Set {name} before the supervisor starts, or write ${{{name}:-default}}.",
            )
        return found
    if match["broken"] is not None:
        raise Unfilled(
            f"got {match['broken']}, want ${{VAR}} or ${{VAR:-default}}",
            "For a dollar and a brace as they are, write $${.",
        )
    if match["key"] is not None:
        return value if match["key"] == key else match[0]
    return f"${match['literal'] or ''}"


def fill_all(
    value: Any, one: Callable[[str, tuple[Any, ...]], Any], path: tuple[Any, ...] = ()
) -> Any:
    """
    Return *value* with each text in it replaced by ``one(text, its path)``.

    Containers are made anew; keys of mappings are left alone.
    """
    if isinstance(value, str):
        return one(value, path) if "$" in value or "{" in value else value
    if isinstance(value, dict):
        return {key: fill_all(member, one, (*path, key)) for key, member in value.items()}
    if isinstance(value, list):
        return [fill_all(member, one, (*path, index)) for index, member in enumerate(value)]
    return value


def as_templates(value: Any) -> Any:
    """Return *value* with each text that waits to be filled in marked as such."""
    return fill_all(value, lambda text, _: Template(text))
