"""What a plan names and this host does not have.  Not an error: it may come before the start."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hermes_supervise.model.spec import Launch, Plan
from hermes_supervise.plan.environment import inheritable, program_environment


def absent_here(plan: Plan, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each program whose directory or command is not there."""
    inherited = inheritable(environ)
    known: dict[tuple[str, str, str], bool] = {}
    for program in plan.programs:
        launch = program.launch
        if not os.path.isdir(launch.directory):
            yield f"programs.{program.name}.directory: no such directory here: {launch.directory}"
        command = launch.argv[0]
        search = program_environment(launch, program.name, "", inherited, "").get("PATH", "")
        question = (command, search, "" if "/" in command else launch.directory)
        if question not in known:
            known[question] = _exists(launch, search)
        if not known[question]:
            where = "" if "/" in command else " (looked in PATH of the program)"
            yield f"programs.{program.name}.command: no such file here: {command}{where}"


def _exists(launch: Launch, search: str) -> bool:
    command = launch.argv[0]
    if "/" in command:
        return _is_program(command)
    folders = (search or os.defpath).split(os.pathsep)
    # An empty member of PATH is the directory that the program runs in.
    return any(_is_program(os.path.join(launch.directory, folder, command)) for folder in folders)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
