"""The base of every section of the file, and the ways a key can be declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(extra="forbid", validate_default=True, defer_build=True)


def key(default: object, *, meaning: str | None, alias: str | None = None) -> Any:
    """Declare a key with a default, written as the file would write it."""
    return Field(default=default, description=meaning, alias=alias)


def required(meaning: str) -> Any:
    """Declare a key that must be there."""
    return Field(description=meaning)


def absent(meaning: str) -> Any:
    """Declare a key that need not be there and has no default that a file could write."""
    return Field(default=None, validate_default=False, description=meaning)


def section(make: Callable[[], Section], meaning: str | None = None) -> Any:
    """Declare a section that has its own defaults."""
    return Field(default_factory=make, description=meaning)
