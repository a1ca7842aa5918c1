"""What the operator asked for; nothing but an operator's command changes it (law 11)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    The operator's last word about one program.

    ``up`` is None as long as nothing was ever said: then ``autostart`` holds.  ``generation``
    grows with every start and restart; it is part of the wanted revision.  ``force_run`` is the
    run that shall end at once, ``drain_run`` the one whose drain has ``drain_timeout`` seconds.
    """

    up: bool | None = None
    generation: int = 0
    force_run: str | None = None
    drain_run: str | None = None
    drain_timeout: float | None = None
