"""
The end of a supervisor: drained or left, asked for by signal or by ``ctl``.

What was asked lies with the keeper as well, so that a supervisor that dies on the way out is
followed by one that goes on with it, by the same deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace

from hermes_supervise import clock
from hermes_supervise.backends import cgroups
from hermes_supervise.logs.own import ERROR
from hermes_supervise.model.decision import Event
from hermes_supervise.model.phase import LIVING
from hermes_supervise.plan.desired import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:  # the supervisor is put together from us
    from hermes_supervise.supervisor import Supervisor

SLOT = "leaving"
"""The name under which the keeper keeps what was asked."""


class Shutdown:
    """Leads a supervisor out."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.s = supervisor
        self.how = ""
        """``drain`` or ``leave`` once a shutdown was asked for."""
        self._drain_by: float | None = None
        self._forced = False

    def begin(self, how: str, *, by: str) -> None:
        """
        Begin to end: ``drain`` stops every program first, ``leave`` lets them run.

        Asked a second time it changes nothing, except that a drain can be left: what is draining
        goes on with it and is looked after at the next start.
        """
        if self.how in (how, "leave"):
            return
        if not self.how:
            self.s.reconciler.forced = False
        self.how = how
        self.s.ledger.note(Event(kind="shutting-down", data={"programs": how}), by=by)
        if how == "drain":
            timeout = self.s.plan.settings.shutdown_timeout
            self._drain_by = None if timeout is None else clock.now().at + timeout
        self._hold()
        self._surround()

    def resume(self, data: bytes) -> None:
        """Go on with a shutdown that an earlier supervisor was asked for."""
        document = json.loads(data)
        self.how = str(document["how"])
        self._drain_by = document["drain_by"]
        self._forced = bool(document["forced"])
        self._surround()

    def force(self, *, by: str) -> None:
        """Do not wait for drains any longer."""
        self.begin("drain", by=by)
        self.s.ledger.note(Event(kind="asked-force"), by=by)
        names = []
        for name, entry in self.s.reconciler.entries.items():
            if entry.memory.phase in LIVING:
                entry.intent = replace(entry.intent, force_run=entry.memory.run_id)
                names.append(name)
        self.s.reconciler.rethink(names)

    def step(self) -> None:
        """End if there is nothing left to wait for."""
        if not self.how or self.s.exit_code is not None:
            return
        if self.s.reconciler.forced and not self._forced:
            self._forced = True
            self._hold()
        living = [e for e in self.s.reconciler.entries.values() if e.memory.phase in LIVING]
        if self.how == "drain" and (living or self.s.reconciler.woken):
            return
        self._end(len(living))

    def _surround(self) -> None:
        if self.how == "drain":
            self.s.reconciler.surround(Surroundings(leaving=True, drain_by=self._drain_by))
        self.s.methods.changed(set())
        self.s.loop.at(clock.now().at, lambda: None)

    def _hold(self) -> None:
        document = {"how": self.how, "drain_by": self._drain_by, "forced": self._forced}
        self.s.hold(SLOT, json.dumps(document).encode())

    def _end(self, left: int) -> None:
        self.s.exit_code = 1 if self._forced or left else 0
        self.s.ledger.note(Event(kind="supervisor-ended", data={"left": left}))
        self.s.ledger.tell()
        if self.s.ledger.unsaved is not None:
            text = f"the last events could not be written: {self.s.ledger.fault}"
            self.s.log.line(ERROR, clock.now().wall, None, text)
        if not left:
            self._unlink_places()
        self.s.wire.put(("exit", self.s.exit_code))
        self.s.loop.stop()

    def _unlink_places(self) -> None:
        settings = self.s.plan.settings
        for path in (settings.socket, settings.address_file):
            try:
                os.unlink(path)
            except OSError:
                continue
        with contextlib.suppress(OSError):  # something else is in it, or it is not ours
            os.rmdir(os.path.dirname(settings.address_file))
        if self.s.cgroup_root is not None:
            cgroups.remove_if_empty(self.s.cgroup_root)
