"""
Decided actions, done.

What goes wrong becomes an event and, where it matters, another sighting in the next turn; nothing
here raises.  The actions of one program are done together, so that its signal follows its marker
at once, however many programs are being stopped.
"""

from __future__ import annotations

import signal
from collections.abc import Collection

from hermes_supervise import clock
from hermes_supervise.act.marker import Target, clear_marker, read_marker, write_marker
from hermes_supervise.backends import host
from hermes_supervise.entry import Entry
from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.facts import Memory, Process
from hermes_supervise.model.spec import Marker, Program
from hermes_supervise.observe.pidfile import read_pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a third of a megabyte
    from hermes_supervise.backends.protocol import Backend

STOPPING = (Deed.REQUEST_STOP, Deed.FORCE_STOP)


class Executor:
    """Does deeds through a backend and on marker files."""

    def __init__(self, backend: Backend, stopper: int, stoppers: Collection[int]) -> None:
        self.backend = backend
        self.stopper = stopper
        self.stoppers = stoppers
        """Our pids, the earlier ones of this world included: whose markers are ours to clear."""

    def do(self, actions: tuple[Action, ...], entry: Entry, before: Memory) -> list[Event]:
        """
        Do the actions of one decision in their order.

        Args:
            actions: What was decided, and recorded before this call.
            entry: The program it is about, with the memory after the decision.
            before: The memory before it; it knows the run that a ClearMarker is about.

        Returns:
            What there is to tell of the results.
        """
        results: list[Event] = []
        program, after = entry.program, entry.memory
        if any(action.deed in STOPPING for action in actions):
            self.backend.remember_tree(after.run_id)
        marked_at: float | None = None
        for action in actions:
            match action.deed:
                case Deed.SPAWN:
                    entry.spawning()
                    self.backend.spawn(action.run_id, action.number, program.name, program.launch)
                case Deed.WRITE_MARKER:
                    results += self._write_marker(entry, action.process)
                    marked_at = clock.now().at
                case Deed.REQUEST_STOP:
                    results += self._request_stop(program, after, marked_at)
                case Deed.FORCE_STOP:
                    self.backend.force(action.run_id, tree=program.stop.force_tree)
                    results.append(Event(kind="force", data={"tree": program.stop.force_tree}))
                case Deed.CLEAR_MARKER:
                    self.clear_marker(entry.marker, action, before)
        return results

    def signal_marked(self, entry: Entry, number: int) -> bool:
        """Send any signal to a run; the stop signal gets a fresh marker right before it."""
        if number == entry.program.stop.signal:
            self._write_marker(entry, entry.memory.process)
        return self.backend.signal(entry.memory.run_id, number)

    def _write_marker(self, entry: Entry, about: Process | None) -> list[Event]:
        program, memory, marker = entry.program, entry.memory, entry.marker
        process = about or memory.process
        if marker is None or process is None:
            return []
        pid, events = process.pid, list[Event]()
        if marker.pid_file is not None:
            pid, events = self._target_of(marker.pid_file, memory.run_id, process.pid)
        target = Target(pid=pid, start_time=host.hermes_start_time(pid), stopper=self.stopper)
        error = write_marker(marker, target, clock.now().wall, program.launch.user)
        entry.marker_failed = bool(error)
        if error:
            return [*events, Event(kind="marker-failed", data={"error": error})]
        return [*events, Event(kind="marker", data={"path": marker.path, "target_pid": pid})]

    def _target_of(self, pid_file: str, run_id: str, child: int) -> tuple[int, list[Event]]:
        """Take the pid of the file if it is the child or below it, else the child."""
        named = read_pid_file(pid_file)
        if named is not None and (named[0] == child or self.backend.belongs(run_id, named[0])):
            return named[0], []
        why = "names nobody" if named is None else f"names pid {named[0]}, not a process of ours"
        data: dict[str, object] = {"pid_file": pid_file, "why": why, "target_pid": child}
        return child, [Event(kind="marker-target", data=data)]

    def _request_stop(
        self, program: Program, memory: Memory, marked_at: float | None
    ) -> list[Event]:
        number = program.stop.signal
        if number is None:
            return []
        sent = self.backend.signal(memory.run_id, number)
        data: dict[str, object] = {"signal": signal.Signals(number).name, "sent": sent}
        if marked_at is not None:
            data["after_marker_ms"] = round((clock.now().at - marked_at) * 1000.0, 3)
        return [Event(kind="signal", data=data)]

    def clear_marker(self, marker: Marker | None, action: Action, memory: Memory) -> None:
        """Delete our marker for a run that is over, if we wrote one and it is still there."""
        process = action.process or memory.process
        if marker is None or process is None:
            return
        pids = {process.pid}
        if marker.pid_file is not None:
            # The target was a descendant; the pid is gone, so what we noted says who it was.
            pids |= self.backend.former_members(action.run_id)
            named = (read_marker(marker.path) or {}).get("target_pid")
            if isinstance(named, int) and not host.is_alive(named):
                pids.add(named)  # named by an earlier supervisor; nobody is left to heed it
        clear_marker(marker, pids, self.stoppers)
