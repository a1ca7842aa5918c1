"""
The published JSON Schema and the loader give the same verdict wherever a schema can express it.

What it cannot express: two keys that contradict each other, a required command that may stand in
the defaults, what a text becomes once it is filled in, and this host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import reduce
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hermes_supervise.config import schema_document
from hermes_supervise.config.compile import compile_source
from hermes_supervise.config.expand import as_templates
from hermes_supervise.config.keys import section_in
from hermes_supervise.config.model import Document, Program, Supervisor
from hermes_supervise.config.section import Section
from hermes_supervise.config.source import Source
from hermes_supervise.config.surroundings import surroundings
from hermes_supervise.config.tree import Tree
from hermes_supervise.plan import places

VALIDATOR = jsonschema.Draft202012Validator(schema_document())

TEXTS = [
    "30s",
    "5m",
    "0s",
    "0ms",
    "1.5h",
    "250ms",
    "10000d",
    "1h30m",
    "30",
    "none",
    "auto",
    "same",
    "child",
    "hermes",
    "touch",
    "SIGTERM",
    "SIGKILL",
    "always",
    "on-failure",
    "never",
    "drain",
    "leave",
    "true",
    "false",
    "off",
    "file",
    "inherit",
    "pipe",
    "posix",
    "s6",
    "027",
    "0o27",
    "999",
    "8700",
    "65535",
    "65536",
    "0",
    "a",
    "A",
    "all",
    "con",
    "x-1",
    "a/b.c",
    "{a}",
    "${B:-c}",
    "/x/*",
    "/x/*/*",
    "reporter",
]

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.sampled_from([0.5, 1.5, -0.25, 1000.5]),
    st.sampled_from(TEXTS),
    st.sampled_from(["", " ", "two words"]),
    st.just({}),
    st.just([]),
)

SMALL: st.SearchStrategy[Any] = st.one_of(
    LEAVES,
    st.lists(LEAVES, max_size=2),
    st.dictionaries(
        st.sampled_from(["path", "glob", "a", "b c", "pid", "pid_file", "x=y"]), LEAVES, max_size=2
    ),
    st.dictionaries(
        st.sampled_from(["a", "b c", "pid"]),
        st.one_of(
            st.lists(LEAVES, max_size=2),
            st.dictionaries(st.sampled_from(["glob", "x"]), LEAVES, max_size=2),
        ),
        max_size=2,
    ),
)


def key_paths(section: type[Section], start: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a section, and of an unknown one, and of those below."""
    yield (*start, "unknown")
    for name, field in section.model_fields.items():
        path = (*start, field.alias or name)
        yield path
        inner = section_in(field.annotation)
        if inner is not None:
            yield from key_paths(inner, path)


PATHS = [
    *key_paths(Program, ("programs", "a")),
    *key_paths(Program, ("defaults",)),
    *key_paths(Supervisor, ("supervisor",)),
    *(("programs", name) for name in ("a", "b-1", "A", "all")),
    ("programs",),
    ("defaults",),
    ("supervisor",),
    ("unknown",),
]
NEEDED: dict[str, dict[str, Any]] = {
    "marker": {"path": "m"},
    "file": {"path": "f"},
    "tcp": {"port": 1},
}
"""What a section cannot do without."""


def changed(change: tuple[tuple[str, ...], Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with one key set, the sections above it made where they are missing."""
    path, value = change
    inside = document
    for part in path[:-1]:
        if not isinstance(inside.get(part), dict):
            inside[part] = {**NEEDED.get(part, {})}
        inside = inside[part]
    inside[path[-1]] = deepcopy(value)  # a later change may reach into it
    return document


LIKELY: dict[str, list[Any]] = {
    "time": ["30s", "0s", "1.5h", "250ms", "10000d", "none", "auto", "{a}", None],
    "flag": [True, False, "true", "{a}"],
    "number": [0, 1, 255, 256, 1000, 1001, 0.5, 1.5],
    "list": [[], [0, 255], [256], ["a"], ["a", 1, ""], [""], [None], "a"],
    "text": ["a", "", "{a}", "${B:-c}", "same", "child", 0, None, "027", "SIGHUP"],
    "one": [{"path": "p"}, {"port": 1}, {"pid_file": "p"}, {"p": ["a", 1]}, {"p": {"glob": "*"}}],
    "word": ["auto", "always", "never", "inherit", "touch", "leave", "posix", "off", "none"],
}
"""Values that are right for many keys, and those beside them that are just wrong."""


def loader_accepts(document: Mapping[str, Any]) -> bool:
    """Return whether the models take the document; keys that contradict each other are right."""
    try:
        Document.model_validate(as_templates(document))
    except ValidationError as error:
        return all(each["type"] == "disagree" for each in error.errors(include_url=False))
    return True


WORDS = [*TEXTS, *(value for values in LIKELY.values() for value in values), {}, [], "SIGINT"]


def right_values(path: tuple[str, ...]) -> list[Any]:
    """Return those of ``WORDS`` that the loader takes at *path*; at least one value."""
    right = [
        word
        for word in WORDS
        if loader_accepts(changed((path, word), {"programs": {"a": {"command": ["x"]}}}))
    ]
    return right or [None]


RIGHT = {path: right_values(path) for path in PATHS}

CHANGES = st.sampled_from(PATHS).flatmap(
    lambda path: st.tuples(
        st.just(path),
        st.one_of(
            st.sampled_from(RIGHT[path]),
            st.sampled_from(sorted(LIKELY)).flatmap(lambda k: st.sampled_from(LIKELY[k])),
            SMALL,
        ),
    )
)
DOCUMENTS = st.lists(CHANGES, min_size=1, max_size=2).map(
    lambda changes: reduce(
        lambda document, change: changed(change, document),
        changes,
        {"programs": {"a": {"command": ["x"]}}},
    )
)
"""A right document with one or two keys changed, so that most verdicts hang on a single value."""


@settings(max_examples=2500)
@given(DOCUMENTS)
def test_the_schema_accepts_what_the_loader_accepts(document: dict[str, Any]) -> None:
    """An editor with the schema and `hermes-supervise check` never disagree."""
    assert VALIDATOR.is_valid(document) == loader_accepts(document), list(
        VALIDATOR.iter_errors(document)
    )


@settings(max_examples=300)
@given(DOCUMENTS)
def test_the_schema_accepts_every_file_that_compiles(document: dict[str, Any]) -> None:
    """The whole way through YAML, defaults and instances takes nothing that the schema refuses."""
    where = surroundings("/srv/supervisor.yaml", {"HOME": "/home/op"}, 1000, places.XDG)
    text = json.dumps(document)

    compiled = compile_source(Source("supervisor.yaml", text), where)

    assert Tree(Source("x", text)).value == document
    assert VALIDATOR.is_valid(document) or compiled.problems


def test_the_schema_accepts_every_right_value_of_every_key() -> None:
    """What the random documents above may not hit, key by key."""
    refused = [
        (path, value)
        for path, values in RIGHT.items()
        for value in values
        if loader_accepts(document := changed((path, value), {"programs": {"a": {"command": "x"}}}))
        and not VALIDATOR.is_valid(document)
    ]

    assert not refused


def test_the_schema_is_a_schema() -> None:
    """Editors refuse a schema that is none."""
    jsonschema.Draft202012Validator.check_schema(schema_document())
