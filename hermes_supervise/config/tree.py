"""
YAML events become plain values, with the place of every key and value kept beside them.

Built from the parser's events in one loop, without recursion: the C loader of YAML would use up
the stack on deeply nested text.  Aliases share what they name; how large the text would be with
every alias written out is counted and bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events as ev

from hermes_supervise.config.problems import Problem
from hermes_supervise.config.scalars import Misread, plain_value
from hermes_supervise.config.source import Source

DEPTH_LIMIT = 40
"""Deepest nesting of mappings and lists; the deepest key of ours is at level 7."""

VALUES_LIMIT = 500_000
"""Most values, every alias written out."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_STR_TAGS = {"!", "tag:yaml.org,2002:str"}
_COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Entry:
    """Where a member stands: the event of its key (None in a list) and of its value."""

    key: Any
    value: Any


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    start: Any
    value: dict[str, Any] | list[Any]
    entries: dict[Any, Entry] = field(default_factory=dict)
    key: str | None = None
    key_event: Any = None
    merges: list[dict[str, Any]] = field(default_factory=list)
    size: int = 1


class Stopped(Exception):  # noqa: N818 - ends the reading; the problem is already noted
    """The text cannot be read on."""


class Tree:
    """
    The values of a text, and where they stand.

    ``value`` is made of dict, list, str, int, float, bool, None and ``Misread``.  Containers may
    be shared: nobody may change them.  ``problems`` holds what is wrong with the text as YAML;
    ``complete`` says whether it could be read to its end.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.value: Any = None
        self.event: Any = None
        self.problems: list[Problem] = []
        self.complete = False
        self.secret: list[tuple[Any, Any]] = []
        """Whatever stands under a key ``environment``, in its place or not: value and event."""
        self._entries: dict[int, dict[Any, Entry]] = {}
        self._sizes: dict[int, int] = {}
        self._regions: dict[int, tuple[Any, Any]] = {}
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._frames: list[_Frame] = []
        try:
            self._read()
            self.complete = True
        except Stopped:
            pass

    def size(self, value: object) -> int:
        """Return how many values *value* is made of, itself included."""
        return self._sizes.get(id(value), 1)

    def entry(self, container: object, key: object) -> Entry | None:
        """Return where member *key* of *container* stands."""
        return self._entries.get(id(container), {}).get(key)

    def region(self, container: object) -> tuple[Any, Any] | None:
        """Return the marks where a mapping or list begins and ends."""
        return self._regions.get(id(container))

    def members(self, container: object) -> dict[Any, Entry]:
        """Return where each member of *container* stands."""
        return self._entries.get(id(container), {})

    # From here on: reading.

    def _read(self) -> None:
        ways = {
            ev.ScalarEvent: self._scalar,
            ev.AliasEvent: self._alias,
            ev.MappingStartEvent: self._begin,
            ev.SequenceStartEvent: self._begin,
            ev.MappingEndEvent: self._end,
            ev.SequenceEndEvent: self._end,
            ev.DocumentStartEvent: self._document,
        }
        try:
            loader = _LOADER(self.source.text)
            while loader.check_event():
                event = loader.get_event()
                way = ways.get(type(event))
                if way is not None:
                    way(event)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: the loader without libyaml
            self.problems.append(self.source.syntax_problem(error))
            raise Stopped from None

    def _document(self, event: Any) -> None:
        if self.event is not None:
            self._note(event, "got a second document, want one", note=_ONE_DOCUMENT)
            raise Stopped

    def _scalar(self, event: Any) -> None:
        quoted = not event.implicit[0] and event.tag is None
        value: Any = event.value
        if not value.isascii() and _SURROGATE.search(value):  # only the loader without libyaml
            self._note(event, "got an escape that is no character, want text")
            value = ""
        if event.tag is not None and event.tag not in _STR_TAGS:
            self._refuse_tag(event)
            quoted = event.style not in {None, ""}
        if event.tag not in _STR_TAGS and not quoted:
            value = plain_value(event.value)
        if event.anchor:
            self._anchors[event.anchor] = value
        if self._frames and self._wants_key():
            self._take_key(event, value)
        else:
            self._add(value, event, 1)

    def _wants_key(self) -> bool:
        frame = self._frames[-1]
        return isinstance(frame.value, dict) and frame.key_event is None

    def _take_key(self, event: Any, value: Any) -> None:
        frame = self._frames[-1]
        frame.key_event = event
        if event.value == "<<" and event.implicit[0]:
            frame.key = "<<"
            return
        frame.key = event.value
        if not isinstance(value, str | int) or isinstance(value, bool):
            self._refuse_key(event, value)
        earlier = frame.entries.get(event.value)
        if earlier is not None:
            line = earlier.key.start_mark.line + 1
            self._note(
                event,
                f"the same key twice, first at line {line}",
                note="YAML would silently keep the last one.",
            )

    def _refuse_key(self, event: Any, value: Any) -> None:
        reading = "nothing" if value is None else str(value).lower()
        if isinstance(value, Misread):
            reading = value.reading
        raw = event.value
        note = None if raw == reading else f"YAML reads a bare `{raw}` as {reading}."
        quoted = '"..."' if not raw else f'"{raw}"'
        self._note(event, f"got {reading} as a key, want a word", note=note, write=f"{quoted}:")

    def _alias(self, event: Any) -> None:
        if self._frames and self._wants_key():
            self._note(event, "got an alias as a key, want a word")
            self._frames[-1].key_event = event
            return
        if event.anchor in self._open:
            self._note(event, f"got *{event.anchor} inside of &{event.anchor}, want an end")
            raise Stopped
        if event.anchor not in self._anchors:
            self._note(event, f"got *{event.anchor}, but nothing above is marked &{event.anchor}")
            self._add(None, event, 1)
            return
        value = self._anchors[event.anchor]
        self._add(value, event, self.size(value))

    def _begin(self, event: Any) -> None:
        if len(self._frames) >= DEPTH_LIMIT:
            self._note(event, f"nested more than {DEPTH_LIMIT} levels deep")
            raise Stopped
        if event.tag not in _COLLECTION_TAGS:
            self._refuse_tag(event)
        if self._frames and self._wants_key():
            self._note(event, "got a mapping or a list as a key, want a word")
            self._frames[-1].key_event = event
            # What stands inside is read as if it were a value, and dropped with its key; the
            # real value follows and finds the key already taken.
        self._frames.append(_Frame(event, {} if _is_mapping(event) else []))
        if event.anchor:
            self._open.add(event.anchor)

    def _end(self, event: Any) -> None:
        frame = self._frames.pop()
        value = self._merged(frame) if frame.merges else frame.value
        self._entries[id(value)] = frame.entries
        self._sizes[id(value)] = frame.size
        self._regions[id(value)] = (frame.start.start_mark, event.end_mark)
        if frame.start.anchor:
            self._open.discard(frame.start.anchor)
            self._anchors[frame.start.anchor] = value
        if self._frames and self._frames[-1].key_event is frame.start:
            return  # it stood where a key should; its value comes next
        self._add(value, frame.start, frame.size)

    def _merged(self, frame: _Frame) -> dict[str, Any]:
        own = frame.value
        assert isinstance(own, dict)  # noqa: S101 - only a mapping has keys to merge
        value: dict[str, Any] = {}
        for source in frame.merges:
            for key, member in source.items():
                if key not in value:
                    value[key] = member
                    if key not in own:
                        frame.entries[key] = self._entries[id(source)][key]
        value.update(own)
        return value

    def _add(self, value: Any, event: Any, size: int) -> None:
        if not self._frames:
            self.value, self.event = value, event
            return
        frame = self._frames[-1]
        frame.size += size
        if frame.size > VALUES_LIMIT:
            self._note(event, f"more than {VALUES_LIMIT:,} values, every alias written out")
            raise Stopped
        if isinstance(frame.value, list):
            frame.entries[len(frame.value)] = Entry(None, event)
            frame.value.append(value)
            return
        key, key_event = frame.key, frame.key_event
        frame.key = frame.key_event = None
        if key is None:
            return
        if key == "<<" and key_event.implicit[0]:
            self._take_merge(frame, value, event)
            return
        if key == "environment":
            self.secret.append((value, event))
        frame.value[key] = value
        frame.entries[key] = Entry(key_event, event)

    def _take_merge(self, frame: _Frame, value: Any, event: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        for source in sources:
            if isinstance(source, dict):
                frame.merges.append(source)
            else:
                self._note(event, "`<<` wants a mapping, or a list of mappings", write="<<: *name")

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._note(event, f"got the tag {tag}, want none", note="Tags mean nothing here.")

    def _note(
        self, event: Any, message: str, note: str | None = None, write: str | None = None
    ) -> None:
        keys = [frame.key for frame in self._frames if frame.key not in {None, "<<"}]
        key = ".".join(map(str, keys))
        self.problems.append(self.source.problem(event, key, message, note=note, write=write))
        # The keys of a text that is wrong everywhere are not worth the memory.
        if len(self.problems) >= 1000:
            raise Stopped


_ONE_DOCUMENT = "A line `---` begins a new document; one file holds one."


def _is_mapping(event: Any) -> bool:
    return isinstance(event, ev.MappingStartEvent)
