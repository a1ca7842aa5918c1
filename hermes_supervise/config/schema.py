"""The JSON Schema (draft 2020-12) of the configuration file, made from the models that load it."""

from __future__ import annotations

from typing import Any

from hermes_supervise.config.kinds import TEMPLATE_PLACE, TEMPLATE_SCHEMA
from hermes_supervise.config.model import Document

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_document() -> dict[str, object]:
    """
    Return the schema.

    It cannot say everything: what depends on two keys, on another program or on this host is
    only found by ``hermes-supervise check``.  A text with a brace passes wherever ``${VAR}`` or
    ``{KEY}`` may turn it into something right.
    """
    made = Document.model_json_schema(by_alias=True)
    definitions = made.pop("$defs")
    definitions["template"] = dict(TEMPLATE_SCHEMA)
    document = {
        "$schema": DIALECT,
        "title": "hermes-supervise configuration",
        "description": "One file says which programs run, how each is stopped and restarted.",
        **{key: value for key, value in made.items() if key not in {"title", "description"}},
        "$defs": dict(sorted(definitions.items())),
    }
    tidied = _tidy(document)
    assert isinstance(tidied, dict)  # noqa: S101 - a mapping stays one
    return tidied


def _tidy(schema: Any) -> Any:
    """Drop titles that repeat the key, and defaults that stand for an absent key."""
    if isinstance(schema, list):
        return [_tidy(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == TEMPLATE_PLACE:
        return {"$ref": "#/$defs/template"}
    properties = schema.get("properties")
    kept = {
        key: _tidy(value)
        for key, value in schema.items()
        if key != "properties" and not _is_noise(schema, key)
    }
    alone = kept.pop("allOf", None)
    if isinstance(alone, list):  # how older releases of pydantic put words beside a reference
        kept.update(*alone)
    if isinstance(properties, dict):
        # Names of keys, not words of the schema: a key called `title` would stay.
        kept["properties"] = {name: _tidy(member) for name, member in properties.items()}
    return kept


def _is_noise(schema: dict[str, Any], key: str) -> bool:
    if key == "title":
        return "$schema" not in schema
    return key == "default" and schema["default"] is None
