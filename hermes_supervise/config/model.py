"""
The whole file: the supervisor, the defaults, the programs.

As in ``sections.py`` a meaning here is documentation.
"""

from __future__ import annotations

from typing import Annotated, Any

from hermes_supervise.config.kinds import (
    PROGRAM_NAMES,
    VARIABLE_NAMES,
    Argument,
    Flag,
    NameOrNumber,
    PathText,
    ProgramName,
    Umask,
    Variable,
    words,
)
from hermes_supervise.config.section import Section, absent, key, required, section
from hermes_supervise.config.sections import Logs, Owner, Restart, Start, Stop
from hermes_supervise.config.shapes import AutostartKind, Command, ForEachKind
from hermes_supervise.config.times import DurationOrAuto
from hermes_supervise.config.wrappers import Later, MayBeEmpty, Named, OrNone


class Program(Section):
    """One program, or with `for_each` one for each value."""

    command: Annotated[list[Argument], Command()] = absent(
        "What to run: a list, or one text that is split as a shell would (no shell "
        "runs). A program with a `/` is relative to the folder of the file, others are looked "
        "for in the PATH of the program. Required, here or in `defaults`.",
    )
    directory: PathText = key(".", meaning="Where it runs, relative to the folder of the file.")
    environment: Annotated[dict[Variable, Argument], Named(VARIABLE_NAMES), MayBeEmpty()] = key(
        {}, meaning="Variables, over what is inherited and what the files say."
    )
    environment_file: Annotated[list[PathText], MayBeEmpty(list)] = key(
        [],
        meaning="Files of `KEY=VALUE` lines, relative to the folder of the file; later wins.",
    )
    inherit_environment: Flag = key(
        True,
        meaning="`false`: only PATH, HOME, USER, LOGNAME, LANG, TZ and TMPDIR are inherited.",
    )
    user: NameOrNumber = absent(
        "Whom it runs as; only when the supervisor runs as root. HOME, USER and "
        "LOGNAME are that user's.",
    )
    group: NameOrNumber = absent("Its group. Not given: the user's.")
    groups: list[NameOrNumber] = absent(
        "Its further groups. Not given: the user's.",
    )
    umask: Umask = key("none", meaning='Octal digits in quotes, such as `"027"`; `none`: ours.')
    backend: Annotated[str, words("auto", "posix", later=("windows", "s6", "systemd"))] = key(
        "auto", meaning="Who keeps the process alive."
    )
    autostart: Annotated[str, AutostartKind] = key(
        True,
        meaning="What holds if the operator never said anything; afterwards his last word "
        "holds. `always`: a reboot or container start also overrides an operator's stop.",
    )
    start: Annotated[Start, MayBeEmpty()] = section(Start)
    stop: Annotated[Stop, MayBeEmpty()] = section(Stop)
    restart: Annotated[Restart, MayBeEmpty()] = section(Restart)
    owner: Annotated[Owner | None, OrNone()] = key("none", meaning=None)
    logs: Annotated[Logs, MayBeEmpty()] = section(Logs)
    for_each: Annotated[Any, ForEachKind] = key(
        "none",
        meaning="One program per value of one key: `{profile: [a, b]}` or `{profile: {glob: "
        '"profiles/*/config.yaml"}}`. `{profile}` is replaced in every text of the program.',
    )
    ready: Annotated[None, Later("ready")] = key(
        "none", meaning="Not yet: readiness probes come with a later version."
    )
    health: Annotated[None, Later("health")] = key(
        "none", meaning="Not yet: health probes come with a later version."
    )
    depends_on: Annotated[None, Later("depends_on", empty=True)] = key(
        "none", meaning="Not yet: dependencies come with a later version."
    )
    preset: Annotated[None, Later("preset")] = key(
        "none", meaning="Not yet: presets come with a later version."
    )


class Supervisor(Section):
    """The supervisor itself."""

    state_dir: PathText = absent(
        "What must survive: intents, history, logs. Not given: `/var/lib/"
        "hermes-supervise/ID` for root, else `$XDG_STATE_HOME/hermes-supervise/ID`.",
    )
    socket: PathText = absent(
        "The control socket, at most 100 bytes long. Not given: `/run/"
        "hermes-supervise/ID/control.sock` for root, else below `$XDG_RUNTIME_DIR`.",
    )
    socket_group: NameOrNumber = absent(
        "The group that may connect, besides root and the owner.",
    )
    on_exit: Annotated[str, words("drain", "leave")] = key(
        "drain", meaning="What a SIGTERM to the supervisor does to the programs."
    )
    shutdown_timeout: DurationOrAuto = key(
        "auto",
        meaning="How long a shutdown may take; `auto`: the longest stop of a program. A "
        "shorter time is an error.",
    )
    cgroups: Annotated[str, words("auto", "off", bools={True: "auto"}, off="off")] = key(
        "auto", meaning="Whether each program gets a cgroup where that is possible."
    )
    on_event: Annotated[None, Later("supervisor.on_event")] = key(
        "none", meaning="Not yet: event commands come with a later version."
    )


Programs = Annotated[
    dict[ProgramName, Annotated[Program, MayBeEmpty()]], Named(PROGRAM_NAMES), MayBeEmpty()
]


class Document(Section):
    """The whole file."""

    supervisor: Annotated[Supervisor, MayBeEmpty()] = section(Supervisor)
    defaults: Annotated[Program, MayBeEmpty()] = section(
        Program,
        "Any key of a program; merged under every program. Mappings merge, lists "
        "replace, and a mapping of which exactly one key may stand replaces another kind.",
    )
    programs: Programs = required("The programs by name.")
