"""A clock that stands still until it is told to jump."""

from __future__ import annotations

from hermes_supervise.model.facts import Now

EPOCH = 1_767_225_600.0
"""What the wall says at instant 0: 2026-01-01T00:00:00Z."""


class FakeClock:
    """Both clocks of a ``Now``, moved by hand; time never runs backwards."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at
        self.wall = EPOCH + at

    def now(self) -> Now:
        """Return this instant."""
        return Now(at=self.at, wall=self.wall)

    def jump(self, to: float) -> None:
        """Make it *to*; an instant that is over is no jump at all."""
        passed = max(0.0, to - self.at)
        self.at += passed
        self.wall += passed

    def jump_to_next(self, *deadlines: float | None) -> bool:
        """Jump to the earliest of the deadlines; return whether there was one."""
        ahead = [at for at in deadlines if at is not None]
        if ahead:
            self.jump(min(ahead))
        return bool(ahead)

    def reboot(self, at: float = 5.0) -> None:
        """Start the monotonic clock again, as a new world does; the wall goes on."""
        self.at = at
        self.wall += 30.0
