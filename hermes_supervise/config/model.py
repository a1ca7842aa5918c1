"""
Every key of the configuration file: its kind, its default and what it means.

The loader, the published JSON Schema and the reference page all come from these models, so a
description here is documentation.  A default is written as the file would write it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hermes_supervise.config import agreement
from hermes_supervise.config.kinds import (
    Argument,
    Duration,
    DurationOrAuto,
    DurationOrNone,
    Flag,
    JsonValue,
    LongerThanZero,
    NameOrNumber,
    PathText,
    Port,
    ProgramName,
    StopSignal,
    Text,
    Umask,
    Variable,
    number,
    whole_number,
    words,
)
from hermes_supervise.config.shapes import (
    LATER_PROBE_KINDS,
    PROBE_KINDS,
    AutostartKind,
    Command,
    ForEachKind,
    TargetKind,
    exactly_one,
    one_of_schema,
)
from hermes_supervise.config.wrappers import Later, MayBeEmpty, OrNone


class Section(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(extra="forbid", validate_default=True, defer_build=True)


def _required(description: str) -> Any:
    return Field(description=description)


def _one_of(description: str) -> Any:
    # Absent, not null: exactly one of these keys may stand there.
    return Field(default=None, validate_default=False, description=description)


class FileProbe(Section):
    """Looks at a file."""

    path: PathText = _required("The file, relative to `directory`.")
    exists: Flag = Field(default=True, description="`false`: passes when the file is gone.")
    max_age: DurationOrNone = Field(
        default="none", description="Passes only when the file was changed within this time."
    )
    json_fields: Annotated[dict[Text, JsonValue] | None, OrNone()] = Field(
        default="none",
        alias="json",
        description="Fields that the file's JSON object must have, with their values; "
        '`"{pid}"` stands for the pid of the program.',
    )

    @model_validator(mode="after")
    def _agrees(self) -> FileProbe:
        agreement.file_probe_agrees(self)
        return self


class TcpProbe(Section):
    """Connects to a port."""

    port: Port = _required("The port.")
    host: Text = Field(default="127.0.0.1", description="The host.")
    open: Flag = Field(default=True, description="`false`: passes when nobody listens.")


class UnlockedProbe(Section):
    """Asks for the lock of a file."""

    path: PathText = _required("The file, relative to `directory`.")


class Probe(Section):
    """A question to the world: exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra=one_of_schema())

    file: FileProbe = _one_of("Passes when the file is there (or gone), young enough, and so on.")
    tcp: TcpProbe = _one_of("Passes when the port can be connected to (or not).")
    unlocked: UnlockedProbe = _one_of("Passes when nobody holds the lock of the file.")

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return exactly_one(value, PROBE_KINDS, LATER_PROBE_KINDS)


class Marker(Section):
    """The planned-stop marker: a file that tells the program that its stop is meant."""

    path: PathText = _required("Where the marker is written, relative to `directory`.")
    format: Annotated[str, words("hermes", "touch")] = Field(
        default="hermes",
        description="`hermes`: one line of JSON that names its target. `touch`: an empty file.",
    )
    target: Annotated[str | None, TargetKind] = Field(
        default="child",
        description="Whom a `hermes` marker names: the process we started (`child`), or the one "
        "named by a pid file (`{pid_file: FILE}`), if it is that process or descends from it.",
    )


class Force(Section):
    """What happens when the drain is over and something still lives."""

    tree: Flag = Field(
        default=True,
        description="Force ends the whole tree of the program, not only its main process.",
    )
    interval: LongerThanZero = Field(
        default="5s", description="Force is repeated this often until everything is gone."
    )


class Start(Section):
    """When a start counts as done, or as failed."""

    timeout: LongerThanZero = Field(
        default="1m",
        description="A program that is not running by then is drained and counts as failed. "
        "Not given: 1m, or twice `settle` if that is longer.",
    )
    settle: Duration = Field(
        default="1s", description="How long a program must live to count as running."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Start:
        if "timeout" not in self.model_fields_set and self.settle * 2 > self.timeout:
            self.__dict__["timeout"] = self.settle * 2
        agreement.start_agrees(self)
        return self


class Stop(Section):
    """How a program is asked to stop, and how long it may take."""

    marker: Annotated[Marker | None, OrNone()] = Field(
        default="none", description="The planned-stop marker, written before the signal is sent."
    )
    signal: StopSignal = Field(
        default="SIGTERM",
        description="The stop signal, sent right after the marker; `none`: the marker alone asks.",
    )
    drain_timeout: Duration = Field(
        default="30s", description="How long the program may drain before force."
    )
    drain_limit: Duration = Field(
        default="10m",
        description="How far the program itself may extend its drain. Not given: 10m, or "
        "`drain_timeout` if that is longer.",
    )
    drained: Annotated[Probe | None, OrNone()] = Field(
        default="none",
        description="A probe that passes when the work is saved: no need to wait longer. "
        "Asked only while draining.",
    )
    linger: Duration = Field(
        default="3s", description="How long after `drained` before force, at most."
    )
    force: Annotated[Force, MayBeEmpty()] = Field(default_factory=Force)

    @model_validator(mode="after")
    def _agrees(self) -> Stop:
        if "drain_limit" not in self.model_fields_set and self.drain_timeout > self.drain_limit:
            self.__dict__["drain_limit"] = self.drain_timeout
        agreement.stop_agrees(self)
        return self


class Backoff(Section):
    """
    Waits between failing runs.

    A run of `reset_after` or longer is followed by an immediate restart; shorter ones wait
    `first`, `first` times `factor`, … in a row.
    """

    first: Duration = Field(default="1s", description="The first wait; `0s` means at once.")
    factor: Annotated[float, number(1, 1000)] = Field(
        default=2, description="Each wait is this many times the one before."
    )
    limit: Duration = Field(
        default="1m", description="The longest wait. Not given: 1m, or `first` if that is longer."
    )
    jitter: Annotated[float, number(0, 1)] = Field(
        default=0.1, description="Each wait is made longer or shorter by up to this part of it."
    )
    reset_after: LongerThanZero = Field(
        default="1m", description="A run of this length ends the row of failures."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Backoff:
        if "limit" not in self.model_fields_set and self.first > self.limit:
            self.__dict__["limit"] = self.first
        agreement.backoff_agrees(self)
        return self


class GiveUp(Section):
    """When a program that fails again and again is parked."""

    failures: Annotated[int, whole_number(1, 1000)] = Field(
        default=5, description="This many failures inside `within` park the program."
    )
    within: LongerThanZero = Field(default="5m", description="The window.")
    retry_after: DurationOrNone = Field(
        default="5m",
        description="When a parked program is tried once more (a trial that fails parks it "
        "again); `none`: when the operator says so. Not shorter than `within`. Not given: 5m, or "
        "`within` if that is longer.",
    )

    @model_validator(mode="after")
    def _agrees(self) -> GiveUp:
        after = self.retry_after
        given = "retry_after" in self.model_fields_set
        if not given and after is not None and after < self.within:
            self.__dict__["retry_after"] = self.within
        agreement.give_up_agrees(self)
        return self


ExitCode = Annotated[int, whole_number(0, 255)]


class Restart(Section):
    """When a program that ended by itself is started again."""

    policy: Annotated[
        str, words("always", "on-failure", "never", bools={True: "always", False: "never"})
    ] = Field(default="always", description="After which ends.")
    success_exit_codes: list[ExitCode] = Field(
        default=[0], description="Exit codes that are no failure."
    )
    restart_exit_codes: list[ExitCode] = Field(
        default=[75],
        description="Start again now, and not a failure, if the program had been ready.",
    )
    fatal_exit_codes: list[ExitCode] = Field(
        default=[78], description="Failed at once, without trying again; no budget is spent."
    )
    fatal_retry_after: DurationOrNone = Field(
        default="1m",
        description="When a program that failed so is tried again; `none`: when the operator "
        "says so.",
    )
    backoff: Annotated[Backoff, MayBeEmpty()] = Field(default_factory=Backoff)
    give_up: Annotated[GiveUp | None, OrNone()] = Field(
        default_factory=GiveUp, description="`none`: never park it."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Restart:
        agreement.restart_agrees(self)
        return self


class Owner(Section):
    """
    The file that tells who owns what the program needs, looked at before every start.

    When it names a live process that is not ours, the program waits: exactly one of these keys.
    """

    model_config = ConfigDict(json_schema_extra=one_of_schema())

    pid_file: PathText = _one_of("A file with the pid of the owner, relative to `directory`.")
    lock_file: PathText = _one_of("A file that the owner keeps locked, relative to `directory`.")

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return exactly_one(value, ("pid_file", "lock_file"))


class Logs(Section):
    """Where the output of a program goes."""

    mode: Annotated[str, words("file", "inherit", later=("pipe",))] = Field(
        default="file",
        description="`file`: appended to `path`. `inherit`: our own standard output (containers).",
    )
    path: PathText = Field(
        default=None,
        validate_default=False,
        description="The log file, relative to `directory`. Not given: `STATE/logs/NAME.log`.",
    )
    stderr: PathText = Field(
        default="same", description="`same`: where the output goes; or a file of its own."
    )
    rotate_size: Annotated[None, Later("logs.rotate_size (rotation of logs)")] = Field(
        default=None, description="Not yet: rotation comes with a later version."
    )
    keep: Annotated[None, Later("logs.keep (rotation of logs)")] = Field(
        default=None, description="Not yet: rotation comes with a later version."
    )


class Program(Section):
    """One program, or with `for_each` one for each value."""

    command: Annotated[list[Argument], Command()] = Field(
        default=None,
        validate_default=False,
        description="What to run: a list, or one text that is split as a shell would (no shell "
        "runs). A program with a `/` is relative to the folder of the file, others are looked "
        "for in the PATH of the program. Required, here or in `defaults`.",
    )
    directory: PathText = Field(
        default=".", description="Where it runs, relative to the folder of the file."
    )
    environment: Annotated[dict[Variable, Argument], MayBeEmpty()] = Field(
        default={}, description="Variables, over what is inherited and what the files say."
    )
    environment_file: Annotated[list[PathText], MayBeEmpty(list)] = Field(
        default=[],
        description="Files of `KEY=VALUE` lines, relative to the folder of the file; later wins.",
    )
    inherit_environment: Flag = Field(
        default=True,
        description="`false`: only PATH, HOME, USER, LOGNAME, LANG, TZ and TMPDIR are inherited.",
    )
    user: NameOrNumber = Field(
        default=None,
        validate_default=False,
        description="Whom it runs as; only when the supervisor runs as root. HOME, USER and "
        "LOGNAME are that user's.",
    )
    group: NameOrNumber = Field(
        default=None, validate_default=False, description="Its group. Not given: the user's."
    )
    groups: list[NameOrNumber] = Field(
        default=None,
        validate_default=False,
        description="Its further groups. Not given: the user's.",
    )
    umask: Umask = Field(
        default="none", description='Octal digits in quotes, such as `"027"`; `none`: ours.'
    )
    backend: Annotated[str, words("auto", "posix", later=("windows", "s6", "systemd"))] = Field(
        default="auto", description="Who keeps the process alive."
    )
    autostart: Annotated[str, AutostartKind] = Field(
        default=True,
        description="What holds if the operator never said anything; afterwards his last word "
        "holds. `always`: a reboot or container start also overrides an operator's stop.",
    )
    start: Annotated[Start, MayBeEmpty()] = Field(default_factory=Start)
    stop: Annotated[Stop, MayBeEmpty()] = Field(default_factory=Stop)
    restart: Annotated[Restart, MayBeEmpty()] = Field(default_factory=Restart)
    owner: Annotated[Owner | None, OrNone()] = Field(default="none")
    logs: Annotated[Logs, MayBeEmpty()] = Field(default_factory=Logs)
    for_each: Annotated[Any, ForEachKind] = Field(
        default="none",
        description="One program per value of one key: `{profile: [a, b]}` or `{profile: {glob: "
        '"profiles/*/config.yaml"}}`. `{profile}` is replaced in every text of the program.',
    )
    ready: Annotated[None, Later("ready")] = Field(
        default="none", description="Not yet: readiness probes come with a later version."
    )
    health: Annotated[None, Later("health")] = Field(
        default="none", description="Not yet: health probes come with a later version."
    )
    depends_on: Annotated[None, Later("depends_on", empty=True)] = Field(
        default="none", description="Not yet: dependencies come with a later version."
    )
    preset: Annotated[None, Later("preset")] = Field(
        default="none", description="Not yet: presets come with a later version."
    )


class Supervisor(Section):
    """The supervisor itself."""

    state_dir: PathText = Field(
        default=None,
        validate_default=False,
        description="What must survive: intents, history, logs. Not given: `/var/lib/"
        "hermes-supervise/ID` for root, else `$XDG_STATE_HOME/hermes-supervise/ID`.",
    )
    socket: PathText = Field(
        default=None,
        validate_default=False,
        description="The control socket, at most 100 bytes long. Not given: `/run/"
        "hermes-supervise/ID/control.sock` for root, else below `$XDG_RUNTIME_DIR`.",
    )
    socket_group: NameOrNumber = Field(
        default=None,
        validate_default=False,
        description="The group that may connect, besides root and the owner.",
    )
    on_exit: Annotated[str, words("drain", "leave")] = Field(
        default="drain", description="What a SIGTERM to the supervisor does to the programs."
    )
    shutdown_timeout: DurationOrAuto = Field(
        default="auto",
        description="How long a shutdown may take; `auto`: the longest stop of a program. A "
        "shorter time is an error.",
    )
    cgroups: Annotated[str, words("auto", "off", bools={True: "auto", False: "off"})] = Field(
        default="auto", description="Whether each program gets a cgroup where that is possible."
    )
    on_event: Annotated[None, Later("supervisor.on_event")] = Field(
        default="none", description="Not yet: event commands come with a later version."
    )


class Document(Section):
    """The whole file."""

    supervisor: Annotated[Supervisor, MayBeEmpty()] = Field(default_factory=Supervisor)
    defaults: Annotated[Program, MayBeEmpty()] = Field(
        default_factory=Program,
        description="Any key of a program; merged under every program. Mappings merge, lists "
        "replace, and a mapping of which exactly one key may stand replaces another kind.",
    )
    programs: Annotated[dict[ProgramName, Annotated[Program, MayBeEmpty()]], MayBeEmpty()] = Field(
        description="The programs by name."
    )
