"""Pydantic's errors in our words: what was got, what is wanted, what to write instead."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from hermes_supervise.config.model import Document, Section
from hermes_supervise.config.notes import Notes, Path, is_secret
from hermes_supervise.config.problems import shortened
from hermes_supervise.config.scalars import Misread


def explain(error: ValidationError, notes: Notes) -> None:
    """Add each error of a validated document to *notes*."""
    for each in error.errors(include_url=False):
        path = tuple(each["loc"])
        context = each.get("ctx", {})
        _WAYS.get(each["type"], _wrong_shape)(path, context, each, notes)


def _wrong(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    on_key = path[-1] == "[key]" or bool(context.get("on_key"))
    if path[-1] == "[key]":
        path = path[:-1]
    for part in str(context["at"]).split("\n") if "at" in context else ():
        path = (*path, int(part) if part.isdecimal() else part)
    value = path[-1] if on_key else _value_at(path, each["input"], context, notes)
    write = _write(path, context, value, notes, on_key)
    note = trap(value, notes.raw(path)) if not on_key else None
    message = f"got {got(value, hidden=is_secret(path))}, want {context['want']}"
    if is_secret(path):
        note = None
    notes.problem(path, message, note=note, write=write, on_key=on_key)


def _value_at(path: Path, given: Any, context: dict[str, Any], notes: Notes) -> Any:
    if "at" not in context:
        return given
    place = notes.place(path)
    return place.value if place.complete else given


def _write(
    path: Path, context: dict[str, Any], value: Any, notes: Notes, on_key: bool
) -> str | None:
    write = context.get("write")
    raw = notes.raw(path)
    if write is None and context.get("quote") and raw is not None:
        write = '"…"' if is_secret(path) else f'"{shortened(raw)}"'
    if write is None and "choices" in context and isinstance(value, str):
        near = difflib.get_close_matches(value.lower(), context["choices"], 1, 0.5)
        write = near[0] if near else None
    if write is None:
        return None
    if on_key:
        return f"{write}:"
    return f"- {write}" if isinstance(path[-1], int) else f"{path[-1]}: {write}"


def _not_yet(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    what, want = context["what"], context["want"]
    if "at" in context:
        path = (*path, context["at"])
    write = f"{path[-1]}: none" if want == "none" else None
    notes.problem(
        path,
        f"{what} is not yet there, want {want}",
        note="This version does not do it yet; a later one will.",
        write=write,
        on_key="at" in context,
    )


def _exactly_one(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    notes.problem(path, f"got {context['got']}, want {context['want']}")


def _disagree(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    for key, message, write in context["found"]:
        notes.problem((*path, key), message, write=write)


def _unknown_key(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    section = section_at(path[:-1])
    known = keys_of(section) if section else []
    key = str(path[-1])
    raw = notes.raw(path)
    rest = "" if raw is None else f" {shortened(raw)}"
    near = difflib.get_close_matches(key, known, 1, 0.6)
    if near:
        notes.problem(path, "no such key", write=f"{near[0]}:{rest}", on_key=True)
        return
    homes = [home for home in _homes(key) if home != path[:-1]]
    if homes:
        home = ".".join(homes[0])
        note = f"`{key}` belongs under `{home}`."
        indented = [f"{'  ' * depth}{part}:" for depth, part in enumerate(homes[0])]
        write = "\n".join([*indented, f"{'  ' * len(homes[0])}{key}:{rest}"])
        notes.problem(path, "no such key here", note=note, write=write, on_key=True)
        return
    notes.problem(path, "no such key", note=f"known keys: {', '.join(known)}", on_key=True)


def _missing(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    if path == ("programs",):
        notes.problem(path, "missing, want the programs by name", write=EXAMPLE)
        return
    notes.problem(path, "missing", write=f"{path[-1]}: …")


def _wrong_shape(path: Path, context: dict[str, Any], each: Any, notes: Notes) -> None:
    value = each["input"]
    wanted = "a list" if each["type"] == "list_type" else "a mapping"
    raw = notes.raw(path)
    write = None
    if wanted == "a list" and raw:
        write = f"{path[-1]}: [{shortened(raw)}]"
    elif path[-1:] == ("restart",) and isinstance(value, bool | str):
        policy = {True: "always", False: "never"}.get(value, value) if _flag(value) else value
        write = f"restart: {{policy: {shortened(str(policy))}}}"
    elif path[-1:] == ("backend",) or not isinstance(value, bool | str | int | float | Misread):
        write = None
    hidden = is_secret(path)
    note = None if hidden else trap(value, raw)
    notes.problem(path, f"got {got(value, hidden)}, want {wanted}", note=note, write=write)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_WAYS = {
    "wrong": _wrong,
    "not_yet": _not_yet,
    "exactly_one": _exactly_one,
    "disagree": _disagree,
    "extra_forbidden": _unknown_key,
    "missing": _missing,
}

EXAMPLE = "programs:\n  chat:\n    command: [my-gateway]"


def got(value: Any, hidden: bool = False) -> str:
    """Return *value* in a few words; with *hidden*, only what kind of value it is."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    if hidden:
        return "a text" if isinstance(value, str) else "a number"
    if isinstance(value, Misread):
        return value.reading.removeprefix("the number ")
    return f'"{shortened(value)}"' if isinstance(value, str) else str(value)


def trap(value: Any, raw: str | None) -> str | None:
    """Return the sentence that names the trap of YAML which somebody fell into, if one did."""
    if isinstance(value, Misread):
        return f"YAML reads {value.raw} as {value.reading}."
    if raw is None:
        return None
    if isinstance(value, bool) and raw not in {"true", "false"}:
        return f"YAML reads a bare `{raw}` as {str(value).lower()}."
    if value is None and raw == "~":
        return 'YAML reads a bare `~` as nothing; the home folder is "~", in quotes.'
    return None


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
        section, skip = (None, False) if field is None else _section_in(field.annotation)
    return section


def _section_in(annotation: Any) -> tuple[type[Section] | None, bool]:
    """Return the section in a type, and whether a name stands before it."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    named = typing.get_origin(annotation) is dict
    for part in typing.get_args(annotation):
        section, _ = _section_in(part)
        if section is not None:
            return section, named
    return None, False


def _homes(key: str) -> Iterator[tuple[str, ...]]:
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
        inner, _ = _section_in(field.annotation)
        if inner is not None and len(path) < 2:
            yield from _homes_below(key, inner, (*path, field.alias or name))
