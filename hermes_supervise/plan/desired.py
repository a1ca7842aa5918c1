"""From a program of the plan and the operator's word to what is wanted.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hermes_supervise.model.facts import Desired
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import Reason
from hermes_supervise.model.spec import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    What holds for every program at once.

    ``leaving`` is set while the supervisor shuts down and drains; ``drain_by`` is the instant
    that no drain of the shutdown may pass.
    """

    leaving: bool = False
    drain_by: float | None = None


def wanted_up(program: Program, intent: Intent) -> bool:
    """Return the operator's last word, or what ``autostart`` says if he never gave one."""
    return program.autostart != "false" if intent.up is None else intent.up


def wanted_revision(program: Program, intent: Intent) -> str:
    """Return the revision that should run: an edited launch or an operator's start changes it."""
    return f"{program.revision}:{intent.generation}"


def desired_of(
    program: Program,
    intent: Intent,
    around: Surroundings,
    *,
    in_file: bool,
    has_marker: bool,
) -> Desired:
    """
    Return what should be true of a program.

    Args:
        program: Its entry of the plan, or the last one if it is no longer in the file.
        intent: The operator's word.
        around: What holds for all.
        in_file: False when the present plan does not know it.
        has_marker: Whether the present run was started with a marker.
    """
    up = in_file and not around.leaving and wanted_up(program, intent)
    why_down = Reason.OPERATOR
    if around.leaving and wanted_up(program, intent):
        why_down = Reason.SHUTDOWN
    elif not in_file:
        why_down = Reason.REVISION
    return Desired(
        up=up,
        revision=wanted_revision(program, intent),
        start=program.start,
        stop=program.stop,
        restart=program.restart,
        has_marker=has_marker,
        why_down=why_down,
        force_run=intent.force_run,
        drain_by=around.drain_by,
        drain_run=intent.drain_run,
        drain_timeout=intent.drain_timeout,
    )
