"""Which keys stand in which section of the file, as the models say."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from hermes_supervise.config.model import Document
from hermes_supervise.config.section import Section

Path = tuple[str | int, ...]


def keys_of(section: type[Section]) -> list[str]:
    """Return the keys of a section as the file writes them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def section_at(path: Path) -> type[Section] | None:
    """Return the model of the mapping at *path*, None where there is none."""
    section: type[Section] | None = Document
    skip = False
    for part in path:
        if skip or section is None:
            skip = False
            continue
        fields = {field.alias or name: field for name, field in section.model_fields.items()}
        field = fields.get(str(part))
        section = None if field is None else section_in(field.annotation)
        # Under `programs` a name stands before the keys.
        skip = field is not None and typing.get_origin(field.annotation) is dict
    return section


def section_in(annotation: Any) -> type[Section] | None:
    """Return the section that a type is made of, None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    parts = (section_in(part) for part in typing.get_args(annotation))
    return next((part for part in parts if part is not None), None)


def homes_of(key: str) -> Iterator[tuple[str, ...]]:
    """Return the sections of a program, and of the supervisor, that know *key*."""
    for start in ("programs", "supervisor"):
        top = section_at((start, "NAME")) if start == "programs" else section_at((start,))
        if top is not None:
            prefix = () if start == "programs" else ("supervisor",)
            yield from _homes_below(key, top, prefix)


def _homes_below(
    key: str, section: type[Section], path: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    if path and key in keys_of(section):
        yield path
    for name, field in section.model_fields.items():
        inner = section_in(field.annotation)
        if inner is not None and len(path) < 2:
            yield from _homes_below(key, inner, (*path, field.alias or name))
