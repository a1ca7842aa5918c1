"""A file becomes a plan, or the list of everything that is wrong with it."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hermes_supervise.config import model
from hermes_supervise.config.crosschecks import check_together
from hermes_supervise.config.expand import as_templates
from hermes_supervise.config.explain import EXAMPLE, explain, got
from hermes_supervise.config.hidden import without_secrets
from hermes_supervise.config.instances import Instance, Instances, fill_section
from hermes_supervise.config.notes import Notes
from hermes_supervise.config.problems import Problem, in_order
from hermes_supervise.config.resolve import Resolver, settings
from hermes_supervise.config.source import Source, Unreadable, read_source
from hermes_supervise.config.surroundings import Surroundings, surroundings
from hermes_supervise.config.tree import Tree
from hermes_supervise.model.spec import Plan, Program
from hermes_supervise.plan import places


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What came of a file: a plan, or problems; warnings in both cases."""

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def compile_file(
    path: str,
    environ: Mapping[str, str],
    *,
    uid: int | None = None,
    layout: str = places.XDG,
) -> Compiled:
    """
    Return what the file at *path* asks for.  Nothing that is in the file, or not, raises.

    Args:
        path: The file; problems are reported under this name.
        environ: Where ``${VAR}`` is looked up.
        uid: Who will run the supervisor; us, if not given.
        layout: Which default folders this host has (``plan/places.py``).
    """
    try:
        source = read_source(path, path)
    except Unreadable as error:
        at_start = Source(path, "").at_start("", error.message, error.note)
        return Compiled(plan=None, problems=(at_start,))
    where = surroundings(path, environ, os.geteuid() if uid is None else uid, layout)
    return compile_source(source, where)


def compile_source(source: Source, where: Surroundings) -> Compiled:
    """Return what a text asks for, as if it were read from ``where.config``."""
    # Thousands of small objects live until the end; looking for garbage costs half of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Compilation(source, where).result()
    finally:
        if collecting:
            gc.enable()


class _Compilation:
    """The way of one text to its plan; problems are gathered all along."""

    def __init__(self, source: Source, where: Surroundings) -> None:
        self._source = source
        self._where = where
        self._tree = Tree(source)
        self._notes = Notes(self._tree)

    def result(self) -> Compiled:
        """Return the plan if there is no problem."""
        plan = None
        if self._tree.complete:
            plan = self._plan()
        found = [*self._tree.problems, *self._notes.problems]
        if found:
            found = without_secrets(found, self._source, self._tree)
        return Compiled(
            plan=None if found else plan,
            problems=in_order(found),
            warnings=in_order(self._notes.warnings),
        )

    def _plan(self) -> Plan | None:
        root = self._tree.value
        if not isinstance(root, dict):
            what = "an empty file" if root is None else got(root)
            message = f"got {what}, want a mapping with the key programs"
            self._tree.problems.append(self._source.at_start("", message, write=EXAMPLE))
            return None
        instances, barren = Instances(self._tree, self._notes, self._where).make()
        document = self._document(root, instances)
        checked = self._checked(document, instances, barren)
        resolved = settings(checked.supervisor, self._notes, self._where)
        resolver = Resolver(self._notes, self._where, resolved.state_dir)
        programs: list[Program] = [
            resolver.program(instances[name], section)
            for name, section in checked.programs.items()
            if section.command is not None and instances[name].filled
        ]
        check_together(resolved, programs, self._notes)
        return Plan(
            config=self._where.config,
            settings=resolved,
            programs=tuple(programs),
            empty_groups=tuple(barren),
        )

    def _document(self, root: dict[str, Any], instances: dict[str, Instance]) -> dict[str, Any]:
        """Return the document with its programs replaced by their instances."""
        document = {key: value for key, value in root.items() if key != "defaults"}
        if "supervisor" in root:
            document["supervisor"] = fill_section(
                root["supervisor"], ("supervisor",), self._notes, self._where
            )
        if isinstance(root.get("programs"), dict):
            document["programs"] = {name: each.value for name, each in instances.items()}
        elif "programs" in root and root["programs"] is None:
            document["programs"] = {}
        return document

    def _checked(
        self,
        document: dict[str, Any],
        instances: dict[str, Instance],
        barren: dict[str, Any],
    ) -> model.Document:
        """Return what of the document is right; everything else is noted."""
        self._check_unmerged(barren)
        try:
            checked = model.Document.model_validate(document)
        except ValidationError as error:
            explain(error, self._notes)
            checked = self._right_part(document, error)
        for name, instance in instances.items():
            section = checked.programs.get(name)
            given = instance.value
            if (section is not None and section.command is None) or (
                section is None and isinstance(given, dict) and "command" not in given
            ):
                path = ("programs", name, "command")
                self._notes.problem(path, "missing", write="command: [my-gateway]")
        return checked

    def _check_unmerged(self, barren: dict[str, Any]) -> None:
        """Check what no instance shows: the defaults, and programs whose ``for_each`` is empty."""
        defaults = self._tree.value.get("defaults")
        parts: dict[str, Any] = {}
        if defaults is not None:
            parts["defaults"] = as_templates(defaults)
        document = {**parts, "programs": as_templates(barren)}
        if not parts and not barren:
            return
        try:
            model.Document.model_validate(document)
        except ValidationError as error:
            explain(error, self._notes)

    def _right_part(self, document: dict[str, Any], error: ValidationError) -> model.Document:
        wrong = {each["loc"][:2] for each in error.errors(include_url=False)}
        programs = document.get("programs")
        kept: dict[str, Any] = {"programs": {}}
        if isinstance(programs, dict):
            kept["programs"] = {
                name: value for name, value in programs.items() if ("programs", name) not in wrong
            }
        if not any(part[0] == "supervisor" for part in wrong) and "supervisor" in document:
            kept["supervisor"] = document["supervisor"]
        return model.Document.model_validate(kept)
