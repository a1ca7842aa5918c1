"""
The kinds of values that a configuration knows: how each is checked, described and published.

Each kind is an annotated type whose check says what is wanted and, where it can be guessed,
what to write instead.  The JSON Schema of a kind stands beside its check, and a property test
holds the two together.
"""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from hermes_supervise.config.scalars import Misread

NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,62}"
RESERVED_NAMES = frozenset(
    ["all", "con", "prn", "aux", "nul"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789"]
)
"""``all`` means every program; the others are devices on Windows and cannot name a log file."""

UMASK_PATTERN = "0?[0-7]{3}"
VARIABLE_PATTERN = "[^=\\u0000]+"
TEXT_PATTERN = "[^\\u0000]*"
SOME_TEXT_PATTERN = "[^\\u0000]+"

STOP_SIGNALS = (
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGHUP",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGALRM",
    "SIGABRT",
)
"""Signals that can ask for a stop.  SIGKILL cannot be heard; that is what force is."""

_UMASK = re.compile(UMASK_PATTERN)
_NAME = re.compile(NAME_PATTERN)
_PORT = re.compile("[1-9][0-9]{0,4}")


class Template(str):
    """A text that still waits for its ``{KEY}`` or ``${VAR}``: every kind lets it pass."""

    __slots__ = ()


def wrong(want: str, write: str | None = None, **more: object) -> PydanticCustomError:
    """Return the error of a value that is not what is wanted; ``write`` is a value."""
    return PydanticCustomError("wrong", "want {want}", {"want": want, "write": write, **more})


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """
    A check, what it wants in words, and the same as JSON Schema.

    The check returns the value to keep, or raises.  ``unfilled`` stands for a ``Template``;
    ``templates`` says whether a text with a brace can become a value of this kind.
    """

    want: str
    check: Callable[[Any], Any]
    schema: dict[str, Any]
    unfilled: Any = ""
    templates: bool = True

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return a schema that is this check alone."""

        def checked(value: object) -> object:
            if self.templates and type(value) is Template:
                return self.unfilled
            return self.check(value)

        return core_schema.no_info_plain_validator_function(checked)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the published schema; a text with a brace may become anything once filled in."""
        if not self.templates:
            return dict(self.schema)
        return {"anyOf": [dict(self.schema), TEMPLATE_PLACE]}


TEMPLATE_PLACE: dict[str, Any] = {"x-template": True}
"""Where the published schema refers to the one below; pydantic takes no reference of ours."""

TEMPLATE_SCHEMA = {
    "type": "string",
    "pattern": r"\{",
    "description": "A text with ${VAR} or {KEY}; what it must be is seen when it is filled in.",
}


def _text_schema(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$"}


# Words and numbers


def words(
    *known: str,
    bools: dict[bool, str] | None = None,
    later: tuple[str, ...] = (),
    off: str | None = None,
) -> Kind:
    """
    Return the kind of one word out of *known*.

    Args:
        known: The words.
        bools: What somebody means who wrote an unquoted ``yes`` or ``no``.
        later: Words of the contract whose behaviour does not exist yet.
        off: The word that YAML reads as false, and that is taken as such.
    """
    want = _either(known)

    def check(value: object) -> str:
        if isinstance(value, str) and value in known:
            return value
        if isinstance(value, str) and value in later:
            raise PydanticCustomError("not_yet", "not yet", {"what": value, "want": want})
        if value is False and off is not None:
            return off
        guess = (bools or {}).get(value) if isinstance(value, bool) else None
        raise wrong(want, guess, choices=list(known))

    return Kind(want, check, {"enum": [*known, *([] if off is None else [False])]})


def _either(known: tuple[str, ...]) -> str:
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    guess = {"true": "true", "yes": "true", "on": "true", "1": "true"}
    guess |= {"false": "false", "no": "false", "off": "false", "0": "false"}
    word = str(value).lower() if isinstance(value, str | int) else ""
    raise wrong("true or false", guess.get(word))


Flag = Annotated[bool, Kind("true or false", _flag, {"type": "boolean"}, True, templates=False)]


def whole_number(low: int, high: int) -> Kind:
    """Return the kind of a whole number from *low* to *high*."""
    want = f"a whole number from {low} to {high}"

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise wrong(want, _whole_guess(value))

    # JSON calls 2.0 an integer; YAML and we do not, so a schema cannot tell them apart.
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Kind(want, check, schema, unfilled=low, templates=False)


def _whole_guess(value: object) -> str | None:
    if isinstance(value, Misread) and value.number is not None and value.number.is_integer():
        return str(int(value.number))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) and re.fullmatch("[0-9]{1,6}", value) else None


def number(low: float, high: float) -> Kind:
    """Return the kind of a number from *low* to *high*."""
    want = f"a number from {low:g} to {high:g}"

    def check(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise wrong(want)

    schema = {"type": "number", "minimum": low, "maximum": high}
    return Kind(want, check, schema, unfilled=math.nan, templates=False)


def _port(value: object) -> int:
    number = int(value) if isinstance(value, str) and _PORT.fullmatch(value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 65535:
        return number
    raise wrong("a port from 1 to 65535")


Port = Annotated[
    int,
    Kind(
        "a port from 1 to 65535",
        _port,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {
                    "type": "string",
                    "pattern": "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}"
                    "|655[0-2][0-9]|6553[0-5])$",
                },
            ]
        },
        unfilled=1,
    ),
]


def _signal(value: object) -> int | None:
    if value == "none" or value is None:
        return None
    if isinstance(value, str) and value in STOP_SIGNALS:
        return int(signal.Signals[value])
    want = f"a signal such as SIGTERM, or none ({', '.join(STOP_SIGNALS)})"
    if value is False:
        raise wrong(want, "none")
    raise wrong(want, _signal_guess(value), choices=[*STOP_SIGNALS, "none"])


def _signal_guess(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        names = {int(signal.Signals[name]): name for name in STOP_SIGNALS}
        return names.get(value)
    if isinstance(value, str):
        name = f"SIG{value.upper().removeprefix('SIG')}"
        return name if name in STOP_SIGNALS else None
    return None


StopSignal = Annotated[
    int | None,
    Kind("a signal name, or none", _signal, {"enum": [*STOP_SIGNALS, "none", None]}),
]


def _umask(value: object) -> int | None:
    if value is None or value == "none":
        return None
    if isinstance(value, str) and _UMASK.fullmatch(value):
        return int(value, 8)
    guess = value.raw if isinstance(value, Misread) else str(value)
    guess = guess.removeprefix("0o")
    write = f'"{guess.zfill(3)}"' if re.fullmatch("[0-7]{1,4}", guess) else '"027"'
    raise wrong("three octal digits in quotes", write)


Umask = Annotated[
    int | None,
    Kind(
        "octal digits in quotes",
        _umask,
        {"anyOf": [{"type": "string", "pattern": f"^{UMASK_PATTERN}$"}, {"enum": ["none", None]}]},
    ),
]


# Texts


def _text(value: object, *, empty: bool, numbers: bool, want: str) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise wrong(f"{want} without a NUL character")
        if value or empty:
            return value
        raise wrong(want)
    if numbers and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise wrong(want, quote=True)


def _argument(value: object) -> str:
    return _text(value, empty=True, numbers=True, want="a text")


def _word_text(value: object) -> str:
    return _text(value, empty=False, numbers=False, want="a text")


def _path(value: object) -> str:
    return _text(value, empty=False, numbers=False, want="a path")


def _named(value: object) -> str:
    return _text(value, empty=False, numbers=True, want="a name or a number")


def _text_or_number(pattern: str) -> dict[str, Any]:
    return {"anyOf": [_text_schema(pattern), {"type": "integer"}]}


SOME_TEXT = _text_schema(SOME_TEXT_PATTERN)

Argument = Annotated[str, Kind("a text", _argument, _text_or_number(TEXT_PATTERN), templates=False)]
Text = Annotated[str, Kind("a text", _word_text, SOME_TEXT, templates=False)]
PathText = Annotated[str, Kind("a path", _path, SOME_TEXT, templates=False)]
NameOrNumber = Annotated[
    str, Kind("a name or a number", _named, _text_or_number(SOME_TEXT_PATTERN), templates=False)
]


def _variable(value: object) -> str:
    if isinstance(value, str) and value and "=" not in value and "\0" not in value:
        return value
    raise wrong("the name of a variable, without `=`")


VARIABLE_NAMES = _text_schema(VARIABLE_PATTERN)

Variable = Annotated[str, Kind("a variable", _variable, VARIABLE_NAMES, templates=False)]


def _program_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        want = "a name of a-z, 0-9, `-` and `_` that begins with a letter or digit (at most 63)"
        raise wrong(want, _name_guess(value))
    if value == "all":
        raise wrong("another name: `all` means every program")
    if value in RESERVED_NAMES:
        raise wrong("another name: this one is a device on Windows")
    return value


def _name_guess(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    guess = re.sub("[^a-z0-9_-]+", "-", value.lower()).strip("-_")[:63]
    return guess if _NAME.fullmatch(guess) and guess not in RESERVED_NAMES else None


PROGRAM_NAMES: dict[str, Any] = {
    "type": "string",
    "pattern": f"^{NAME_PATTERN}$",
    "not": {"enum": sorted(RESERVED_NAMES)},
}

ProgramName = Annotated[str, Kind("a name", _program_name, PROGRAM_NAMES, templates=False)]


def _json_value(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    raise wrong("a text, a number, true, false or null", quote=True)


JsonValue = Annotated[
    object,
    Kind(
        "a text, a number, true, false or null",
        _json_value,
        {"type": ["string", "number", "boolean", "null"]},
        templates=False,
    ),
]
