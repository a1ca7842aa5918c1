"""
The reference page of the configuration file, made from the models that load it.

    python -m hermes_supervise.config.document > docs/reference/config.md
    python -m hermes_supervise.config.document --schema > docs/reference/config.schema.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from hermes_supervise.config.keys import section_in
from hermes_supervise.config.kinds import Kind
from hermes_supervise.config.model import Program, Supervisor
from hermes_supervise.config.prose import BEFORE, PLACES
from hermes_supervise.config.schema import schema_document
from hermes_supervise.config.section import Section
from hermes_supervise.config.shapes import Command
from hermes_supervise.config.wrappers import Later, OrNone


def reference_page() -> str:
    """Return the page, as Markdown."""
    parts = [
        BEFORE,
        *_chapter("supervisor", Supervisor),
        *_chapter("programs.NAME", Program),
        PLACES,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def schema_text() -> str:
    """Return the published JSON Schema, as text."""
    return json.dumps(schema_document(), indent=2, ensure_ascii=False) + "\n"


def _chapter(path: str, section: type[Section]) -> Iterator[str]:
    yield f"## `{path}`"
    yield _meaning(section)
    yield "\n".join(
        ["| key | value | default | meaning |", "| --- | --- | --- | --- |", *_rows(section)]
    )
    for name, field in section.model_fields.items():
        inner = section_in(field.annotation)
        if inner is not None:
            yield from _chapter(f"{path}.{field.alias or name}", inner)


def _meaning(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _rows(section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        cells = (
            f"`{field.alias or name}`",
            _value(field),
            _default(field),
            field.description or "",
        )
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _value(field: FieldInfo) -> str:
    for mark in field.metadata:
        if isinstance(mark, Kind):
            return mark.want
        if isinstance(mark, Later):
            return "not yet"
        if isinstance(mark, Command):
            return "a list, or a text"
    if section_in(field.annotation) is not None:
        optional = any(isinstance(mark, OrNone) for mark in field.metadata)
        return "the mapping below, or none" if optional else "the mapping below"
    return "a list" if "list" in str(field.annotation) else "a mapping"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "as below"
    return "" if field.default is None else f"`{_yaml(field.default)}`"


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def main(arguments: list[str]) -> int:
    """Print the page, or with ``--schema`` the JSON Schema."""
    sys.stdout.write(schema_text() if arguments == ["--schema"] else reference_page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
