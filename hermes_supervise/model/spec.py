"""
What the configuration asks for, fully resolved: the values that a compiled plan carries.

All times are seconds (float), all sizes bytes, all paths absolute.  ``None`` stands for the
configuration's ``none`` and for an absent section.  Nothing here reads a file or the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PLAN_FORMAT = 1
"""Version of the compiled plan; a supervisor refuses a plan with another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProbe:
    """Passes when the file is there (or gone), young enough, and its JSON fields are as given."""

    path: str
    exists: bool = True
    max_age: float | None = None
    json: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    """Passes when a connection to the port is accepted (or refused, with ``open`` false)."""

    port: int
    host: str = "127.0.0.1"
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockedProbe:
    """Passes when nobody holds a lock on the file."""

    path: str


Probe = FileProbe | TcpProbe | UnlockedProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom a program runs as, resolved when the configuration was compiled."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """
    The planned-stop marker of a program.

    ``format`` is ``hermes`` or ``touch``; ``pid_file`` is None when the marker names the child
    itself, else the file that says which descendant it names.
    """

    path: str
    format: str
    pid_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Where output goes.  ``mode`` is ``file`` or ``inherit``; ``stderr`` None means the same."""

    mode: str
    path: str | None = None
    stderr: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """
    How a program is made.  A change of any of this needs a restart to take effect.

    ``environment`` holds what the configuration adds (files, then ``environment``, and HOME,
    USER, LOGNAME of ``user``); what is inherited is added when the program is spawned.
    """

    argv: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    inherit_environment: bool
    user: User | None
    umask: int | None
    backend: str
    logs: Logs
    marker: Marker | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How long a start may take, and how long a program must live to count as running."""

    timeout: float = 60.0
    settle: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The rungs of the stop ladder that can change without a restart."""

    signal: int | None = 15
    drain_timeout: float = 30.0
    drain_limit: float = 600.0
    drained: Probe | None = None
    linger: float = 3.0
    force_tree: bool = True
    force_interval: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits between failing runs: ``first`` times ``factor`` each, at most ``limit``."""

    first: float = 1.0
    factor: float = 2.0
    limit: float = 60.0
    jitter: float = 0.1
    reset_after: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """A program that fails ``failures`` times inside ``within`` is parked."""

    failures: int = 5
    within: float = 300.0
    retry_after: float | None = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """
    When a program that ended by itself is started again.

    ``policy`` is ``always``, ``on-failure`` or ``never``.
    """

    policy: str = "always"
    success_exit_codes: tuple[int, ...] = (0,)
    restart_exit_codes: tuple[int, ...] = (75,)
    fatal_exit_codes: tuple[int, ...] = (78,)
    fatal_retry_after: float | None = 60.0
    backoff: Backoff = field(default_factory=Backoff)
    give_up: GiveUp | None = field(default_factory=GiveUp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The file that tells who owns what the program needs.  ``kind``: pid_file or lock_file."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    One program of the plan, after ``defaults`` and ``for_each``.

    ``group`` is the name in the file; it differs from ``name`` only for instances of
    ``for_each``.  ``revision`` is the digest of ``launch``.  ``autostart``: true, false, always.
    """

    name: str
    group: str
    revision: str
    launch: Launch
    autostart: str = "true"
    start: Start = field(default_factory=Start)
    stop: Stop = field(default_factory=Stop)
    restart: Restart = field(default_factory=Restart)
    owner: Owner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The ``supervisor`` section, resolved.  ``shutdown_timeout`` None means auto."""

    state_dir: str
    socket: str
    address_file: str
    socket_gid: int | None = None
    on_exit: str = "drain"
    shutdown_timeout: float | None = None
    cgroups: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    All that the long-running supervisor ever learns of the configuration file.

    ``empty_groups`` are the ``for_each`` programs of the file that have no instance now.
    """

    config: str
    settings: Settings
    programs: tuple[Program, ...]
    empty_groups: tuple[str, ...] = ()


def stop_budget(stop: Stop) -> float:
    """
    Return the longest time in seconds that a stop of this program can take.

    The drain timeout, then one force interval for the tree to be seen empty.  An extension by
    the program itself (``drain_limit``) is not counted: nobody has asked for it yet.
    """
    return stop.drain_timeout + stop.force_interval
