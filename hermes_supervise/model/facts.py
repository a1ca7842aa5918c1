"""
What is wanted, what is seen, what is remembered: the three inputs of a decision.

Instants (``_at``) are seconds of the monotonic clock of this boot; they mean nothing after a
reboot, which is why a new world starts every deadline again.
"""

from __future__ import annotations

from dataclasses import dataclass

from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason, Sight
from hermes_supervise.model.spec import Restart, Start, Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """
    The identity of a process; never only its pid.

    ``inode`` is that of its pidfd (0 where the kernel has none), ``ticks`` its start time at the
    platform's best resolution.
    """

    pid: int
    inode: int = 0
    ticks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The end of a main process.  A death that nobody could see has neither code nor signal."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False

    @property
    def known(self) -> bool:
        """Whether the kernel told how it ended."""
        return self.code is not None or self.signal is not None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a backend sees of one run."""

    sight: Sight
    process: Process | None = None
    exit: Exit | None = None
    error: str = ""
    started_at: float | None = None
    leftovers: int | None = None
    """How many of its tree live although its main process is dead; None: nobody counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Something that keeps a wanted program from being started, in a sentence for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """
    What should be true of one program.

    ``why_down`` says who does not want it (operator or shutdown) when ``up`` is false.
    ``force_run`` names the run that the operator wants forced; ``drain_by`` is an instant no drain
    may pass (the shutdown deadline); ``drain_timeout`` replaces the configured one for the run
    ``drain_run`` (``ctl stop --drain-timeout``).
    """

    up: bool
    revision: str
    start: Start
    stop: Stop
    restart: Restart
    has_marker: bool = False
    why_down: Reason = Reason.OPERATOR
    force_run: str | None = None
    drain_by: float | None = None
    drain_run: str | None = None
    drain_timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """
    What was seen of one program in this turn.

    ``run_id`` names the run that the sight is about: what was seen of another run than the
    remembered one says nothing about a living phase.  ``started_at`` is when the seen process
    began, where that is known.  ``ready`` is None without a probe.  ``spare_run_id`` is a fresh
    random id that a Spawn of this turn may use, so that the decision itself stays free of chance.
    """

    sight: Sight = Sight.GONE
    run_id: str = ""
    started_at: float | None = None
    process: Process | None = None
    exit: Exit | None = None
    error: str = ""
    leftovers: int | None = None
    ready: bool | None = None
    live: bool = True
    drained: bool = False
    marker: MarkerSight = MarkerSight.NONE
    hold: Hold | None = None
    spare_run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastExit:
    """How the previous run ended, as status shows it.  ``wall`` is seconds since the epoch."""

    code: int | None
    signal: int | None
    reason: Reason | None
    outcome: Outcome
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """
    All that is remembered of one program; what is read back from disk decides the same.

    ``since_at`` is when the phase began.  ``run_id`` names the present run, or the last one.
    ``asked_at`` is when the stop was asked for, ``marker_at`` when our marker was last written and
    ``marker`` what became of it, ``drained_at`` when the work was first seen done, ``forced_at``
    when force was last used.  ``failures`` are the ends inside the give-up window, ``streak`` the
    short runs in a row.  ``park`` is the wait before the next trial of a parked program, ``trial``
    says that the present run is such a trial.
    """

    phase: Phase = Phase.STOPPED
    since_at: float = 0.0
    since_wall: float = 0.0
    reason: Reason | None = None
    message: str = ""
    revision: str = ""
    run_id: str = ""
    process: Process | None = None
    started_at: float | None = None
    started_wall: float | None = None
    adopted: bool = False
    was_ready: bool = False
    deed: int = 0
    asked_at: float | None = None
    marker_at: float | None = None
    marker: MarkerSight = MarkerSight.NONE
    drained_at: float | None = None
    forced_at: float | None = None
    outcome: Outcome | None = None
    main_exit: Exit | None = None
    due_at: float | None = None
    failures: tuple[float, ...] = ()
    streak: int = 0
    park: float | None = None
    trial: bool = False
    restarts: int = 0
    last_exit: LastExit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """This instant: ``at`` on the monotonic clock, ``wall`` in seconds since the epoch."""

    at: float
    wall: float
