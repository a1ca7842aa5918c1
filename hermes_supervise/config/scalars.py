"""
What a plain YAML word means, and which words mean something else than they look like.

YAML 1.1 reads ``no`` as false, ``1:30`` as 90 and ``010`` as 8.  The first is told apart where
a word is wanted; the others become ``Misread``, which no key of ours takes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import yaml

CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
CANONICAL_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})?\.[0-9]{1,18}|-?[1-9][0-9]{0,17}\.")

BOOLS = {
    word: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for spelling in words
    for word in (spelling, spelling.capitalize(), spelling.upper())
}

GUESS_LIMIT = 64
"""Longest word in characters whose meaning is guessed for a message."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True)
class Misread:
    """A word that YAML turns into another value than the one that is written."""

    raw: str
    reading: str
    """What YAML makes of it, in words: ``the number 90``, ``a date``."""
    number: float | None = None


Scalar = str | int | float | bool | None | Misread


@lru_cache(maxsize=65536)
def plain_value(raw: str) -> Scalar:
    """Return what YAML reads when *raw* stands there without quotes; never raises."""
    if raw in NULLS:
        return None
    if raw in BOOLS:
        return BOOLS[raw]
    if CANONICAL_INTEGER.fullmatch(raw):
        return int(raw)
    if CANONICAL_FLOAT.fullmatch(raw):
        return float(raw)
    for tag, pattern in _RESOLVERS.get(raw[0], ()):
        if pattern.match(raw):
            return _misread(raw, tag)
    return raw


_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers


def _misread(raw: str, tag: str) -> Scalar:
    if tag == _TIMESTAMP:
        return Misread(raw, "a date")
    if tag not in {_INT, _FLOAT}:
        return raw  # `<<` and `=`: no meaning as a value
    number = _number(raw, tag)
    if number is None or not math.isfinite(number):
        return Misread(raw, "a number")
    return Misread(raw, f"the number {number:.15g}", number)


def _number(raw: str, tag: str) -> float | None:
    if len(raw) > GUESS_LIMIT:  # `1:1:1:…` takes time that grows with its square
        return None
    constructor = yaml.constructor.SafeConstructor()
    node = yaml.ScalarNode(tag, raw)
    try:
        if tag == _INT:
            return float(constructor.construct_yaml_int(node))
        return float(constructor.construct_yaml_float(node))
    except (ValueError, OverflowError):  # `0x_` and `._` pass YAML's own pattern
        return None
