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
from hermes_supervise.act.marker import Target, clear_marker, write_marker
from hermes_supervise.backends import host
from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.spec import Program
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

    def do(
        self, actions: tuple[Action, ...], program: Program, before: Memory, after: Memory
    ) -> list[Event]:
        """
        Do the actions of one decision in their order.

        Args:
            actions: What was decided, and recorded before this call.
            program: The program it is about.
            before: The memory before the decision; it knows the run that a ClearMarker is about.
            after: The memory after it.

        Returns:
            What there is to tell of the results.
        """
        results: list[Event] = []
        if any(action.deed in STOPPING for action in actions):
            self.backend.remember_tree(after.run_id)
        marked_at: float | None = None
        for action in actions:
            match action.deed:
                case Deed.SPAWN:
                    self.backend.spawn(action.run_id, action.number, program.name, program.launch)
                case Deed.WRITE_MARKER:
                    results += self._write_marker(program, after)
                    marked_at = clock.now().at
                case Deed.REQUEST_STOP:
                    results += self._request_stop(program, after, marked_at)
                case Deed.FORCE_STOP:
                    self.backend.force(action.run_id, tree=program.stop.force_tree)
                    results.append(Event(kind="force", data={"tree": program.stop.force_tree}))
                case Deed.CLEAR_MARKER:
                    self._clear_marker(program, before)
        return results

    def signal_marked(self, program: Program, memory: Memory, number: int) -> bool:
        """Send any signal to a run; the stop signal gets a fresh marker right before it."""
        if number == program.stop.signal:
            self._write_marker(program, memory)
        return self.backend.signal(memory.run_id, number)

    def _write_marker(self, program: Program, memory: Memory) -> list[Event]:
        marker, process = program.launch.marker, memory.process
        if marker is None or process is None:
            return []
        pid, events = process.pid, list[Event]()
        if marker.pid_file is not None:
            pid, events = self._target_of(marker.pid_file, memory.run_id, process.pid)
        target = Target(pid=pid, start_time=host.hermes_start_time(pid), stopper=self.stopper)
        error = write_marker(marker, target, clock.now().wall, program.launch.user)
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

    def _clear_marker(self, program: Program, memory: Memory) -> None:
        marker = program.launch.marker
        if marker is None or memory.marker_at is None or memory.process is None:
            return
        pids = {memory.process.pid}
        if marker.pid_file is not None:
            # The target was a descendant; the pid is gone, so what we wrote says who it was.
            pids |= self.backend.former_members(memory.run_id)
        clear_marker(marker, pids, self.stoppers)
