"""
The sections of a program: every key with its kind, its default and what it means.

The loader, the published JSON Schema and the reference page all come from these models, so a
meaning here is documentation.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, model_validator

from hermes_supervise.config import agreement
from hermes_supervise.config.kinds import (
    SOME_TEXT,
    Flag,
    JsonValue,
    PathText,
    Port,
    StopSignal,
    Text,
    number,
    whole_number,
    words,
)
from hermes_supervise.config.section import Section, absent, key, required, section
from hermes_supervise.config.shapes import (
    LATER_PROBE_KINDS,
    PROBE_KINDS,
    TargetKind,
    exactly_one,
    one_of_schema,
)
from hermes_supervise.config.times import Duration, DurationOrNone, LongerThanZero
from hermes_supervise.config.wrappers import Later, MayBeEmpty, Named, OrNone


class FileProbe(Section):
    """Looks at a file."""

    path: PathText = required("The file, relative to `directory`.")
    exists: Flag = key(True, meaning="`false`: passes when the file is gone.")
    max_age: DurationOrNone = key(
        "none", meaning="Passes only when the file was changed within this time."
    )
    json_fields: Annotated[Annotated[dict[Text, JsonValue], Named(SOME_TEXT)] | None, OrNone()] = (
        key(
            "none",
            alias="json",
            meaning="Fields that the file's JSON object must have, with their values; "
            '`"{pid}"` stands for the pid of the program.',
        )
    )

    @model_validator(mode="after")
    def _agrees(self) -> FileProbe:
        agreement.file_probe_agrees(self)
        return self


class TcpProbe(Section):
    """Connects to a port."""

    port: Port = required("The port.")
    host: Text = key("127.0.0.1", meaning="The host: an address, or `localhost`.")
    open: Flag = key(True, meaning="`false`: passes when nobody listens.")

    @model_validator(mode="after")
    def _agrees(self) -> TcpProbe:
        agreement.tcp_probe_agrees(self)
        return self


class UnlockedProbe(Section):
    """Asks for the lock of a file."""

    path: PathText = required("The file, relative to `directory`.")


class Probe(Section):
    """A question to the world: exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra=one_of_schema())

    file: FileProbe = absent("Passes when the file is there (or gone), young enough, and so on.")
    tcp: TcpProbe = absent("Passes when the port can be connected to (or not).")
    unlocked: UnlockedProbe = absent("Passes when nobody holds the lock of the file.")

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return exactly_one(value, PROBE_KINDS, LATER_PROBE_KINDS)


class Marker(Section):
    """The planned-stop marker: a file that tells the program that its stop is meant."""

    path: PathText = required("Where the marker is written, relative to `directory`.")
    format: Annotated[str, words("hermes", "touch")] = key(
        "hermes",
        meaning="`hermes`: one line of JSON that names its target. `touch`: an empty file.",
    )
    target: Annotated[str | None, TargetKind] = key(
        "child",
        meaning="Whom a `hermes` marker names: the process we started (`child`), or the one "
        "named by a pid file (`{pid_file: FILE}`), if it is that process or descends from it.",
    )

    @model_validator(mode="after")
    def _agrees(self) -> Marker:
        agreement.marker_agrees(self)
        return self


class Force(Section):
    """What happens when the drain is over and something still lives."""

    tree: Flag = key(
        True,
        meaning="Force ends the whole tree of the program, not only its main process.",
    )
    interval: LongerThanZero = key(
        "5s", meaning="Force is repeated this often until everything is gone."
    )


class Start(Section):
    """When a start counts as done, or as failed."""

    timeout: LongerThanZero = key(
        "1m",
        meaning="A program that is not running by then is drained and counts as failed. "
        "Not given: 1m, or twice `settle` if that is longer.",
    )
    settle: Duration = key("1s", meaning="How long a program must live to count as running.")

    @model_validator(mode="after")
    def _agrees(self) -> Start:
        if "timeout" not in self.model_fields_set and self.settle * 2 > self.timeout:
            self.__dict__["timeout"] = self.settle * 2
        agreement.start_agrees(self)
        return self


class Stop(Section):
    """How a program is asked to stop, and how long it may take."""

    marker: Annotated[Marker | None, OrNone()] = key(
        "none", meaning="The planned-stop marker, written before the signal is sent."
    )
    signal: StopSignal = key(
        "SIGTERM",
        meaning="The stop signal, sent right after the marker; `none`: the marker alone asks.",
    )
    drain_timeout: Duration = key("30s", meaning="How long the program may drain before force.")
    drain_limit: Duration = key(
        "10m",
        meaning="How far the program itself may extend its drain. Not given: 10m, or "
        "`drain_timeout` if that is longer.",
    )
    drained: Annotated[Probe | None, OrNone()] = key(
        "none",
        meaning="A probe that passes when the work is saved: no need to wait longer. "
        "Asked only while draining.",
    )
    linger: Duration = key("3s", meaning="How long after `drained` before force, at most.")
    force: Annotated[Force, MayBeEmpty()] = section(Force)

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

    first: Duration = key("1s", meaning="The first wait; `0s` means at once.")
    factor: Annotated[float, number(1, 1000)] = key(
        2, meaning="Each wait is this many times the one before."
    )
    limit: Duration = key(
        "1m", meaning="The longest wait. Not given: 1m, or `first` if that is longer."
    )
    jitter: Annotated[float, number(0, 1)] = key(
        0.1, meaning="Each wait is made longer or shorter by up to this part of it."
    )
    reset_after: LongerThanZero = key(
        "1m", meaning="A run of this length ends the row of failures."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Backoff:
        if "limit" not in self.model_fields_set and self.first > self.limit:
            self.__dict__["limit"] = self.first
        agreement.backoff_agrees(self)
        return self


class GiveUp(Section):
    """When a program that fails again and again is parked."""

    failures: Annotated[int, whole_number(1, 1000)] = key(
        5, meaning="This many failures inside `within` park the program."
    )
    within: LongerThanZero = key("5m", meaning="The window.")
    retry_after: DurationOrNone = key(
        "5m",
        meaning="When a parked program is tried once more (a trial that fails parks it "
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
    ] = key("always", meaning="After which ends.")
    success_exit_codes: list[ExitCode] = key([0], meaning="Exit codes that are no failure.")
    restart_exit_codes: list[ExitCode] = key(
        [75],
        meaning="Start again now, and not a failure, if the program had been ready.",
    )
    fatal_exit_codes: list[ExitCode] = key(
        [78], meaning="Failed at once, without trying again; no budget is spent."
    )
    fatal_retry_after: DurationOrNone = key(
        "1m",
        meaning="When a program that failed so is tried again; `none`: when the operator says so.",
    )
    backoff: Annotated[Backoff, MayBeEmpty()] = section(Backoff)
    give_up: Annotated[GiveUp | None, OrNone()] = section(GiveUp, "`none`: never park it.")

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

    pid_file: PathText = absent("A file with the pid of the owner, relative to `directory`.")
    lock_file: PathText = absent("A file that the owner keeps locked, relative to `directory`.")

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return exactly_one(value, ("pid_file", "lock_file"))


class Logs(Section):
    """Where the output of a program goes."""

    mode: Annotated[str, words("file", "inherit", later=("pipe",))] = key(
        "file",
        meaning="`file`: appended to `path`. `inherit`: our own standard output (containers).",
    )
    path: PathText = absent(
        "The log file, relative to `directory`. Not given: `STATE/logs/NAME.log`.",
    )
    stderr: PathText = key("same", meaning="`same`: where the output goes; or a file of its own.")
    rotate_size: Annotated[None, Later("logs.rotate_size (rotation of logs)")] = key(
        None, meaning="Not yet: rotation comes with a later version."
    )
    keep: Annotated[None, Later("logs.keep (rotation of logs)")] = key(
        None, meaning="Not yet: rotation comes with a later version."
    )
