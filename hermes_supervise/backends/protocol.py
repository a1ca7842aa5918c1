"""What every backend can do: it keeps processes alive for us, and says what it holds."""

from __future__ import annotations

from typing import Protocol

from hermes_supervise.model.facts import Process, Sighting
from hermes_supervise.model.spec import Launch


class Backend(Protocol):
    """
    Keeps runs.  No call waits; what takes time shows later as another sighting.

    A change that nobody asked about (an end, an answer) is told by the ``woken`` callable that the
    backend was made with, with the run's id.
    """

    name: str

    def spawn(self, run_id: str, number: int, name: str, launch: Launch) -> None:
        """Make a process for *run_id*; a run id that is known is not made twice."""

    def look(self, run_id: str, *, tree: bool) -> Sighting:
        """Say what is seen of a run now; with *tree* false the main process alone counts."""

    def new_round(self) -> None:
        """Forget what was looked up for several runs at once: the world has moved on."""

    def claim(self, run_id: str, process: Process | None, *, name: str) -> None:
        """Say that a run is remembered from before: adopt it if it still is that process."""

    def signal(self, run_id: str, number: int) -> bool:
        """Send a signal to the main process if it is still that process."""

    def remember_tree(self, run_id: str) -> None:
        """Note who belongs to the run now, so that nobody is lost when the main process goes."""

    def belongs(self, run_id: str, pid: int) -> bool:
        """Whether a process is in the tree of the run now."""

    def former_members(self, run_id: str) -> set[int]:
        """Return the pids that were noted or named as members of the run, living or not."""

    def force(self, run_id: str, *, tree: bool) -> None:
        """End the run at once, the whole tree of it unless *tree* is false."""

    def flush(self) -> None:
        """Let what was asked for go out now; nothing waits for an answer."""

    def release(self, run_id: str) -> None:
        """Forget a run whose end is on disk."""
