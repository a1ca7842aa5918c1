"""Sections that may be empty or ``none``, and keys whose behaviour does not exist yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from hermes_supervise.config.kinds import wrong


@dataclass(frozen=True, slots=True)
class MayBeEmpty:
    """A section whose heading stands alone counts as empty (all its members are commented out)."""

    make: Callable[[], object] = dict

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the section's schema behind the check for nothing."""

        def filled(value: object) -> object:
            return self.make() if value is None else value

        return core_schema.no_info_before_validator_function(filled, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the section's schema, or null."""
        return {"anyOf": [handler(schema), {"type": "null"}]}


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A mapping whose keys are names: says so in the schema, whatever pydantic makes of it."""

    names: dict[str, Any]

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the schema of a mapping with a rule for its keys and one for its values."""
        made = handler(schema)
        values = made.get("additionalProperties")
        for value in made.get("patternProperties", {}).values():
            values = value
        return {"type": "object", "propertyNames": self.names, "additionalProperties": values}


@dataclass(frozen=True, slots=True)
class OrNone:
    """A section that can be switched off with the word ``none`` (or left empty)."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the section's schema, made nullable, behind the check for ``none``."""
        inner = core_schema.nullable_schema(handler(source))
        return core_schema.no_info_before_validator_function(_none_is_null, inner)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the section's schema, or none, or null."""
        inner = handler(schema)
        choices = [choice for choice in inner.get("anyOf", [inner]) if choice != {"type": "null"}]
        return {"anyOf": [*choices, {"enum": ["none", None]}]}


@dataclass(frozen=True, slots=True)
class Later:
    """A key of the contract that this version refuses, in words, unless it is switched off."""

    what: str
    empty: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return a schema that takes only ``none``."""

        def check(value: object) -> None:
            if value is None or value == "none" or (self.empty and value == {}):
                return
            raise PydanticCustomError("not_yet", "not yet", {"what": self.what, "want": "none"})

        return core_schema.no_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the schema of ``none``."""
        none: dict[str, Any] = {"enum": ["none", None]}
        return {"anyOf": [none, {"type": "object", "maxProperties": 0}]} if self.empty else none


def _none_is_null(value: object) -> object:
    if value is False:
        raise wrong("a mapping, or none", "none")
    return None if value == "none" else value
