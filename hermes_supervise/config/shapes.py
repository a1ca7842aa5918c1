"""The few keys that are a word or a mapping, a text or a list, or exactly one of several keys."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from hermes_supervise.config.kinds import SOME_TEXT_PATTERN, TEMPLATE_PLACE, Kind, Template, wrong

KEY_PATTERN = "[A-Za-z_][A-Za-z0-9_]*"
VALUE_LIMIT = 255
"""Longest value of ``for_each`` in characters."""

PROBE_KINDS = ("file", "tcp", "unlocked")
LATER_PROBE_KINDS = ("notify", "http", "exec", "log")


def exactly_one(value: object, kinds: tuple[str, ...], later: tuple[str, ...] = ()) -> object:
    """
    Return *value* when it has exactly one of *kinds* as its key; what is no mapping passes.

    Raises:
        PydanticCustomError: none or several, or one of *later*.
    """
    if not isinstance(value, dict):
        return value
    for kind in later:
        if kind in value:
            what = f"the probe kind {kind}"
            want = f"one of {', '.join(kinds)}"
            raise PydanticCustomError(
                "not_yet", "not yet", {"what": what, "want": want, "at": (kind,)}
            )
    given = [kind for kind in kinds if kind in value]
    if len(given) == 1 or any(key not in kinds for key in value):
        return value  # an unknown key is reported as that
    got = "none of them" if not given else " and ".join(given)
    raise PydanticCustomError(
        "exactly_one",
        "exactly one",
        {"got": got, "want": f"exactly one of {', '.join(kinds)}"},
    )


def one_of_schema() -> dict[str, Any]:
    """Return what makes a schema ask for exactly one key."""
    return {"minProperties": 1, "maxProperties": 1}


def _autostart(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value == "always":
        return "always"
    guess = value if isinstance(value, str) and value in {"true", "false"} else None
    raise wrong("true, false or always", guess, choices=["always"])


AutostartKind = Kind(
    "true, false or always", _autostart, {"enum": [True, False, "always"]}, templates=False
)


def _target(value: object) -> str | None:
    if value == "child":
        return None
    want = "child, or {pid_file: FILE}"
    if isinstance(value, dict) and set(value) == {"pid_file"}:
        path = value["pid_file"]
        if type(path) is Template:
            return ""
        if isinstance(path, str) and path and "\0" not in path:
            return path
        raise wrong("a path", at=("pid_file",))
    raise wrong(want, "child", choices=["child"])


TargetKind = Kind(
    "child, or {pid_file: FILE}",
    _target,
    {
        "anyOf": [
            {"const": "child"},
            {
                "type": "object",
                "properties": {"pid_file": {"type": "string", "pattern": f"^{SOME_TEXT_PATTERN}$"}},
                "required": ["pid_file"],
                "additionalProperties": False,
            },
        ]
    },
)


def _for_each(value: object) -> tuple[str, object] | None:
    if value is None or value == "none":
        return None
    want = "one key with its values, such as {profile: [a, b]}"
    if not isinstance(value, dict) or len(value) != 1:
        raise wrong(want)
    ((key, values),) = value.items()
    if not re.fullmatch(KEY_PATTERN, key):
        raise wrong("a key of letters, digits and `_`", at=(key,), on_key=True)
    if key == "pid":
        raise wrong("another key: {pid} means the process in a file probe", at=(key,), on_key=True)
    if isinstance(values, dict) and set(values) == {"glob"}:
        return key, _glob(values["glob"], key)
    if not isinstance(values, list):
        raise wrong("a list of values, or {glob: PATTERN}", at=(key,))
    for index, item in enumerate(values):
        if not _is_value(item):
            raise wrong("a text or a whole number", at=(key, index), quote=True)
    return key, [str(item) for item in values]


def _is_value(item: object) -> bool:
    if isinstance(item, str):
        return 0 < len(item) <= VALUE_LIMIT and "\0" not in item
    return isinstance(item, int) and not isinstance(item, bool)


def _glob(pattern: object, key: str) -> dict[str, str]:
    if isinstance(pattern, str) and "\0" not in pattern:
        if pattern.count("*") == 1 or type(pattern) is Template:
            return {"glob": str(pattern)}
        raise wrong("a pattern with exactly one `*`", at=(key, "glob"))
    raise wrong("a pattern with exactly one `*`", at=(key, "glob"), quote=True)


_VALUES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {
                        "type": "string",
                        "pattern": f"^{SOME_TEXT_PATTERN}$",
                        "maxLength": VALUE_LIMIT,
                    },
                    {"type": "integer"},
                ]
            },
        },
        {
            "type": "object",
            "properties": {
                "glob": {
                    "anyOf": [
                        {"type": "string", "pattern": "^[^*\\u0000]*\\*[^*\\u0000]*$"},
                        TEMPLATE_PLACE,
                    ]
                }
            },
            "required": ["glob"],
            "additionalProperties": False,
        },
    ]
}

ForEachKind = Kind(
    "{KEY: [values]}, or {KEY: {glob: PATTERN}}",
    _for_each,
    {
        "anyOf": [
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": {"pattern": f"^{KEY_PATTERN}$", "not": {"const": "pid"}},
                "additionalProperties": _VALUES_SCHEMA,
            },
            {"enum": ["none", None]},
        ]
    },
    templates=False,
)


@dataclass(frozen=True, slots=True)
class Command:
    """A list of arguments, or one text that is split as a shell would."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the list's schema between the split and the check for emptiness."""
        split = core_schema.no_info_before_validator_function(_split_text, handler(source))
        return core_schema.no_info_after_validator_function(_not_empty, split)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the schema of a list with a first member, or of a text that is not blank."""
        words = handler(schema)
        first = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}
        text = {"type": "string", "pattern": r"[^ \t\r\n]"}
        return {"anyOf": [text, {**words, "minItems": 1, "prefixItems": [first]}]}


COMMAND_LIMIT = 1 << 17
"""Longest command in characters that is split; Linux takes no longer argument either."""


def split_command(text: str) -> list[str]:
    """
    Return the words of *text* as a shell would split them; nothing is expanded.

    Raises:
        ValueError: a quote is never closed, or the text is too long.
    """
    if len(text) > COMMAND_LIMIT:
        raise ValueError("too long")
    return shlex.split(text)


def _split_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    if type(value) is Template:
        return ["template"]
    try:
        return split_command(value)
    except ValueError:
        want = f"a command whose quotes are closed, of at most {COMMAND_LIMIT >> 10} KB"
        raise wrong(want) from None


def _not_empty(argv: list[str]) -> list[str]:
    if not argv or not argv[0]:
        raise wrong("the program to run, then its arguments", "[program, argument]")
    return argv
