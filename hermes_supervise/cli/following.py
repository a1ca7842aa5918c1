"""
Waiting for programs to be where they were asked to be: one loop for every verb that waits.

The request is durable before the waiting begins, so the waiting can end at any time: by its own
deadline, by Ctrl-C, or with the supervisor, which is asked again when it comes back.
"""

from __future__ import annotations

import contextlib
from time import monotonic  # noqa: TID251 - how long to wait for, no decision about a program

from hermes_supervise.control.client import call, links
from hermes_supervise.model.errors import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.interrupts import Interrupts
    from hermes_supervise.cli.progress import Progress
    from hermes_supervise.control.client import Link

SECOND_CHANCE = 3.0
"""Seconds in which a second Ctrl-C asks for force."""

_TICK = 0.1


class Following:
    """
    Follows a request until every program has a verdict, or the waiting is over.

    ``verdicts`` says pending, done or failed for each program.  ``ended`` is None while it
    waits, then ``done``, ``time`` or ``left``.
    """

    def __init__(
        self,
        address: str,
        taken: dict[str, Any],
        progress: Progress,
        interrupts: Interrupts,
        deadline: float | None,
    ) -> None:
        self._address = address
        self._kind = str(taken["kind"])
        self._programs: dict[str, Any] = dict(taken["programs"])
        self._progress = progress
        self._interrupts = interrupts
        self._deadline = deadline
        self._leave_at: float | None = None
        self._forced = False
        self._phases: dict[str, str] = {}
        self.verdicts = dict.fromkeys(self._programs, "pending")
        self.ended: str | None = None

    def wait(self) -> None:
        """
        Wait until it is over.

        Raises:
            ControlError: The supervisor is gone and did not come back.
        """
        if not self._programs:
            self.ended = "done"
            return
        for link in links(self._address):
            # A supervisor that is being replaced is asked again when it is there.
            with contextlib.suppress(ConnectionLost):
                self._listen(link)
            if self.ended is not None:
                return

    def _listen(self, link: Link) -> None:
        """Listen until the waiting is over, or until other runs are to be asked for."""
        link.send("follow", {"kind": self._kind, "programs": self._programs})
        while True:
            message = link.next(self._patience(), [self._interrupts.descriptor])
            if message is not None and message[0] == "":
                self._take_last(message[1])
                self.ended = "done"
                return
            if message is not None and message[0] == "progress":
                self._take(message[1])
            pressed = self._interrupts.taken()
            if (pressed and self._interrupted(pressed)) or self._over():
                return
            self._progress.draw()

    def _take(self, params: dict[str, Any]) -> None:
        row = params["program"]
        name = row["name"]
        known = "phase" in row  # A program that has left the file is only a name.
        self._phases[name] = row["phase"] if known else ""
        self.verdicts[name] = params["verdict"]
        shown = row if known else None
        self._progress.show(name, shown, params["verdict"], params.get("note") or "")

    def _take_last(self, result: dict[str, Any]) -> None:
        for end in result.get("programs", []):
            self.verdicts[end["name"]] = end["verdict"]
            self._progress.show(end["name"], None, end["verdict"], end.get("note") or "")

    def _patience(self) -> float | None:
        now = monotonic()
        ends = [end - now for end in (self._deadline, self._leave_at) if end is not None]
        if self._progress.live:
            ends.append(_TICK)
        return max(0.0, min(ends)) if ends else None

    def _over(self) -> bool:
        now = monotonic()
        if self._leave_at is not None and now >= self._leave_at:
            self.ended = "left"
        elif self._deadline is not None and now >= self._deadline:
            self.ended = "time"
        return self.ended is not None

    def _interrupted(self, pressed: int) -> bool:
        """Return True when the waiting is over, or other runs are to be asked for."""
        can_force = self._kind in ("stop", "restart") and not self._forced
        if self._leave_at is None and pressed == 1 and can_force:
            self._leave_at = monotonic() + SECOND_CHANCE
            self._progress.note(
                "the request stays, the waiting ends in 3 s; Ctrl-C again now: force"
            )
            return False
        if not can_force:
            self.ended = "left"
            return True
        self._force()
        return True

    def _force(self) -> None:
        """Ask for force where something still drains; what was started anew is left alone."""
        self._forced = True
        self._leave_at = None
        names = [name for name, verdict in self.verdicts.items() if verdict == "pending"]
        if self._kind == "restart":
            names = [name for name in names if self._phases.get(name) in ("draining", "killing")]
        if names:
            self._progress.note("force")
            taken = call(self._address, self._kind, {"names": names, "force": True})
            self._programs.update(taken["programs"])
