"""
One loop, one thread: descriptors, timers, nothing else.

It sleeps until a descriptor is ready or the nearest timer is due; without timers it sleeps for
ever, so an idle supervisor does not wake up.  ADR 0001 says why this is not asyncio.
"""

from __future__ import annotations

import heapq
import selectors
from collections.abc import Callable

from hermes_supervise import clock

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

Ready = Callable[[int], None]
"""What is called when a descriptor is ready; it gets the READ and WRITE bits."""


class Timer:
    """A call that is due at an instant; ``cancel`` forgets it."""

    __slots__ = ("at", "call")

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at = at
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget the call; cancelling twice or late is harmless."""
        self.call = None

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at


class Loop:
    """Waits for what happens next and calls whoever asked to know."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []
        self._after: Callable[[], None] | None = None
        self.running = True

    def watch(self, fd: int, ready: Ready, events: int = READ) -> None:
        """Call *ready* whenever *fd* is."""
        self._selector.register(fd, events, ready)

    def change(self, fd: int, events: int) -> None:
        """Wait for other events of a watched descriptor."""
        key = self._selector.get_key(fd)
        if key.events != events:
            self._selector.modify(fd, events, key.data)

    def forget(self, fd: int) -> None:
        """Stop watching; has to come before the descriptor is closed."""
        self._selector.unregister(fd)

    def at(self, instant: float, call: Callable[[], None]) -> Timer:
        """Call *call* at an instant of the monotonic clock, or in the next round if it is past."""
        timer = Timer(instant, call)
        heapq.heappush(self._timers, timer)
        return timer

    def after_each_round(self, call: Callable[[], None]) -> None:
        """Call *call* after everything of a round was called."""
        self._after = call

    def stop(self) -> None:
        """End ``run`` after this round."""
        self.running = False

    def run(self) -> None:
        """Go round until stopped."""
        while self.running:
            for key, events in self._selector.select(self._timeout()):
                key.data(events)
            self._fire()
            if self._after is not None:
                self._after()

    def _timeout(self) -> float | None:
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0].at - clock.now().at)

    def _fire(self) -> None:
        if not self._timers:
            return
        now = clock.now().at
        while self._timers and self._timers[0].at <= now:
            timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()
