"""
Programs with their defaults merged, ``for_each`` multiplied and every text filled in.

What comes out has the shape of the file, so the same models check it; each instance remembers
where it came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticCustomError

from hermes_supervise.config.expand import Unfilled, fill, fill_all
from hermes_supervise.config.filevars import FileVariables
from hermes_supervise.config.kinds import Template
from hermes_supervise.config.notes import Notes, Path
from hermes_supervise.config.problems import shortened
from hermes_supervise.config.shapes import PROBE_KINDS, ForEachKind, split_command
from hermes_supervise.config.surroundings import Surroundings, UnknownHome, absolute
from hermes_supervise.config.tree import Tree
from hermes_supervise.config.users import home_of

PROGRAMS_LIMIT = 10_000
"""Most programs after ``for_each``."""

VALUES_LIMIT = 2_000_000
"""Most values of all programs together, with the defaults merged under each."""

ONE_OF: dict[str, tuple[str, ...]] = {
    "drained": PROBE_KINDS,
    "owner": ("pid_file", "lock_file"),
}
"""Mappings of which exactly one of these keys may stand: another kind replaces the default's."""


@dataclass(slots=True, kw_only=True)
class Instance:
    """One program to be, in the shape of the file."""

    name: str
    group: str
    value: Any
    home: str
    """What ``~`` stands for."""
    variables: dict[str, str] = field(default_factory=dict)
    """What its environment files say."""
    filled: bool = True
    """Whether every text could be filled in; if not, its values mean nothing."""


def merged(base: Any, over: Any, key: str = "") -> Any:
    """Return *over* laid on *base*: mappings merge, everything else replaces."""
    if not isinstance(base, dict) or not isinstance(over, dict) or key == "for_each":
        return over
    kinds = ONE_OF.get(key, ())
    another = any(kind in over for kind in kinds)
    result = {
        name: member
        for name, member in base.items()
        if name in over or not (another and name in kinds)
    }
    for name, member in over.items():
        below = result.get(name)
        # An empty heading under a program says nothing, so the default stays.
        empty = member is None and isinstance(below, dict)
        result[name] = below if empty else merged(below, member, name)
    return result


class Instances:
    """Makes the instances of one document."""

    def __init__(self, tree: Tree, notes: Notes, where: Surroundings) -> None:
        self._tree = tree
        self._notes = notes
        self._where = where
        self._files = FileVariables(notes)
        self._defaults = _mapping_or_empty(tree.value.get("defaults"))
        self._values = 0
        self._made: dict[str, _Draft] = {}
        self._homes: dict[Any, str] = {}

    def make(self) -> tuple[dict[str, Instance], dict[str, Any]]:
        """Return the instances by name, and what must be checked although it has none."""
        programs = _mapping_or_empty(self._tree.value.get("programs"))
        found: dict[str, Instance] = {}
        barren: dict[str, Any] = {}
        for group, raw in programs.items():
            value = merged(self._defaults, {} if raw is None else raw)
            if not isinstance(value, dict):
                found[group] = Instance(name=group, group=group, value=value, home="")
                continue
            many = self._for_each(group, value)
            if many is None:
                self._add(found, _Draft(group, group, value))
                continue
            key, values = many
            rest = {name: member for name, member in value.items() if name != "for_each"}
            if not values:
                barren[group] = rest
            for each in values:
                self._add(found, _Draft(_instance_name(group, each), group, rest, key, each))
        return found, barren

    def _add(self, found: dict[str, Instance], draft: _Draft) -> None:
        earlier = self._made.get(draft.name)
        if earlier is not None:
            line = self._notes.line(earlier.source)
            self._notes.problem(
                draft.source,
                f"got the program {draft.name} twice: from {draft.label}, "
                f"and from {earlier.label} at line {line}",
                on_key=draft.key is None,
            )
            return
        if not self._affordable(draft):
            return
        self._made[draft.name] = draft
        self._notes.instance(draft.name, draft.group)
        found[draft.name] = self._filled(draft)

    def _affordable(self, draft: _Draft) -> bool:
        raw = self._tree.value["programs"][draft.group]
        self._values += self._tree.size(raw) + self._tree.size(self._defaults)
        if len(self._made) < PROGRAMS_LIMIT and self._values <= VALUES_LIMIT:
            return True
        limit = f"{PROGRAMS_LIMIT:,} programs or {VALUES_LIMIT:,} values"
        self._notes.problem(draft.source, f"got more than {limit} in all", on_key=True)
        return False

    def _for_each(self, group: str, value: dict[str, Any]) -> tuple[str, list[str]] | None:
        """Return the key and the values of ``for_each``; None where there is no right one."""
        given = value.get("for_each")
        try:
            many = ForEachKind.check(given)
        except PydanticCustomError:
            return None  # the models report it
        if many is None:
            value.pop("for_each", None)
            return None
        key, values = many
        path: Path = ("programs", group, "for_each", key)
        if isinstance(values, dict):
            values = self._globbed(values["glob"], (*path, "glob"))
        elif not values:
            self._notes.warning(path, "an empty list: no program comes of this")
        return key, values

    def _globbed(self, pattern: str, path: Path) -> list[str]:
        try:
            filled = fill(pattern, self._where.variable)
            whole = absolute(filled, self._where.folder, self._where.home)
        except Unfilled as error:
            self._notes.problem(path, error.message, note=error.note)
            return []
        except UnknownHome:
            self._notes.problem(path, "want ~/… or a path; ~name is not known")
            return []
        if whole.count("*") != 1:
            self._notes.problem(path, f'got "{shortened(whole)}", want exactly one `*` in it')
            return []
        try:
            values = matches(whole)
        except OSError as error:
            self._notes.problem(path, f"cannot look: {(error.strerror or str(error)).lower()}")
            return []
        if not values:
            self._notes.warning(path, f"{shortened(whole)} matches nothing: no program comes of it")
        return values

    def _filled(self, draft: _Draft) -> Instance:
        path: Path = ("programs", draft.name)
        home = self._home(draft)
        files = draft.value.get("environment_file")
        variables: dict[str, str] = {}
        for index, item in enumerate(files if isinstance(files, list) else ()):
            if isinstance(item, str) and item:
                variables |= self._variables(draft, item, (*path, "environment_file", index), home)

        def lookup(variable: str) -> str | None:
            found = self._where.environ.get(variable)
            if found is None:
                found = variables.get(variable)
            return self._where.variable(variable) if found is None else found

        filling = _Filling(self._notes, lookup, draft.key, draft.each)
        value = fill_all(draft.value, filling.text, path)
        return Instance(
            name=draft.name,
            group=draft.group,
            value=value,
            home=home,
            variables=variables,
            filled=filling.complete,
        )

    def _home(self, draft: _Draft) -> str:
        user = draft.value.get("user")
        if not isinstance(user, str | int):
            return self._where.home
        if (user, draft.each) not in self._homes:
            try:
                home = home_of(fill(str(user), self._where.variable, draft.key, draft.each))
            except Unfilled:
                home = None  # reported where every text is filled in
            self._homes[user, draft.each] = home or self._where.home
        return self._homes[user, draft.each]

    def _variables(self, draft: _Draft, item: str, path: Path, home: str) -> dict[str, str]:
        try:
            name = fill(item, self._where.variable, draft.key, draft.each)
            return self._files.read(absolute(name, self._where.folder, home), path)
        except Unfilled:
            return {}  # reported where every text is filled in
        except UnknownHome:
            self._notes.problem(path, "want ~/… or a path; ~name is not known")
            return {}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A program before its texts are filled in: merged, with its value of ``for_each``."""

    name: str
    group: str
    value: dict[str, Any]
    key: str | None = None
    each: str = ""

    @property
    def source(self) -> Path:
        """Return where the file asks for it."""
        if self.key is None:
            return ("programs", self.group)
        return ("programs", self.group, "for_each", self.key)

    @property
    def label(self) -> str:
        """Return how to speak of it when its name does not tell."""
        if self.key is None:
            return self.group
        return f"{self.group} with {self.key} {shortened(self.each)}"


class _Filling:
    """Fills in the texts of an instance; what cannot be filled in is noted, and passes."""

    def __init__(
        self, notes: Notes, lookup: Callable[[str], str | None], key: str | None, value: str
    ) -> None:
        self._notes = notes
        self._lookup = lookup
        self._key = key
        self._value = value
        self.complete = True

    def text(self, text: str, path: Path) -> Any:
        """Return *text* filled in; a command is split first, so no value can split it further."""
        if path[2:] == ("command",):
            try:
                words = split_command(text)
            except ValueError:
                return text  # the models report it
            return [self._one(word, path) for word in words]
        return self._one(text, path)

    def _one(self, text: str, path: Path) -> str:
        try:
            return fill(text, self._lookup, self._key, self._value)
        except Unfilled as error:
            self._notes.problem(path, error.message, note=error.note)
            self.complete = False
            return Template(text)


def fill_section(value: Any, path: Path, notes: Notes, where: Surroundings) -> Any:
    """
    Return a section that belongs to no program, filled in from the environment alone.

    A section that cannot be filled in is noted, and comes back as if it were not there.
    """
    filling = _Filling(notes, where.variable, None, "")
    filled = fill_all(value, filling.text, path)
    return filled if filling.complete else None


def matches(pattern: str) -> list[str]:
    """
    Return what the one ``*`` of *pattern* stands for in each path that exists, sorted.

    As in a shell, a leading dot must be written.  A folder that does not exist holds nothing.

    Raises:
        OSError: the folder may not be read.
    """
    before, after = pattern.split("*")
    folder, prefix = os.path.split(before)
    suffix, slash, rest = after.partition("/")
    try:
        names = os.listdir(folder or "/")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for name in names:
        if len(name) < len(prefix) + len(suffix) or (not prefix and name.startswith(".")):
            continue
        if not name.startswith(prefix) or not name.endswith(suffix):
            continue
        value = name[len(prefix) : len(name) - len(suffix)]
        if value and (not slash or os.path.exists(os.path.join(folder, name, rest))):
            found.append(value)
    return sorted(found)


def _instance_name(group: str, value: str) -> str:
    return f"{group}-{re.sub('[^a-z0-9_-]+', '-', value.lower())}"


def _mapping_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
