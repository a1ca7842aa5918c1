"""
Keys of one section that contradict each other, checked once each of them is right by itself.

A limit that the file does not give is raised to fit what it does give; only two given keys, or
a given key and a fixed default that a law needs, can disagree.
"""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from hermes_supervise.plan.durations import duration_text

if TYPE_CHECKING:
    from hermes_supervise.config import sections


def _disagree(*found: tuple[str, str, str | None]) -> None:
    """Raise what was found: (key, sentence, what to write) each."""
    if found:
        raise PydanticCustomError("disagree", "contradiction", {"found": list(found)})


def start_agrees(start: sections.Start) -> None:
    """Raise unless a program can settle before its start runs out of time."""
    if start.settle > start.timeout:
        settle, timeout = duration_text(start.settle), duration_text(start.timeout)
        _disagree(
            (
                "settle",
                f"got {settle}, want at most start.timeout, which is {timeout}",
                f"timeout: {duration_text(start.settle * 2)}",
            )
        )


def stop_agrees(stop: sections.Stop) -> None:
    """Raise unless there is a way to ask, and the limit of a drain leaves room for it."""
    found: list[tuple[str, str, str | None]] = []
    if stop.marker is None and stop.signal is None:
        message = "got none, and there is no marker: nothing would ask the program to stop"
        found.append(("signal", message, "signal: SIGTERM"))
    if stop.drain_limit < stop.drain_timeout:
        limit, timeout = duration_text(stop.drain_limit), duration_text(stop.drain_timeout)
        message = f"got {limit}, want at least stop.drain_timeout, which is {timeout}"
        found.append(("drain_limit", message, f"drain_limit: {timeout}"))
    _disagree(*found)


def marker_agrees(marker: sections.Marker) -> None:
    """Raise when a marker that names nobody is told whom to name."""
    if marker.format == "touch" and marker.target is not None:
        message = "got a pid file, but a touch marker names nobody"
        _disagree(("target", message, "format: hermes"))


def backoff_agrees(backoff: sections.Backoff) -> None:
    """Raise unless the first wait is within the limit."""
    if backoff.first > backoff.limit:
        first, limit = duration_text(backoff.first), duration_text(backoff.limit)
        message = f"got {first}, want at most backoff.limit, which is {limit}"
        _disagree(("first", message, f"first: {limit}"))


def give_up_agrees(give_up: sections.GiveUp) -> None:
    """Raise unless a trial comes after the window, so that the budget holds in every window."""
    if give_up.retry_after is not None and give_up.retry_after < give_up.within:
        after, within = duration_text(give_up.retry_after), duration_text(give_up.within)
        message = f"got {after}, want at least give_up.within, which is {within}, or none"
        _disagree(("retry_after", message, f"retry_after: {within}"))


def restart_agrees(restart: sections.Restart) -> None:
    """Raise when one exit code has two meanings."""
    lists = {
        "success_exit_codes": restart.success_exit_codes,
        "restart_exit_codes": restart.restart_exit_codes,
        "fatal_exit_codes": restart.fatal_exit_codes,
    }
    found: list[tuple[str, str, str | None]] = []
    for (first, codes), (second, others) in combinations(lists.items(), 2):
        both = sorted(set(codes) & set(others))
        if both:
            named = ", ".join(map(str, both))
            # Point at the list that the file gives; the other may be a default.
            given, other = (
                (second, first) if second in restart.model_fields_set else (first, second)
            )
            rest = [code for code in lists[other] if code not in both]
            message = f"got {named}, which restart.{other} has too; one exit code has one meaning"
            found.append((given, message, f"{other}: {rest}"))
    _disagree(*found)


def tcp_probe_agrees(probe: sections.TcpProbe) -> None:
    """Raise unless the host needs no look-up: a look-up waits, and a drain does not."""
    if probe.host == "localhost":
        return
    try:
        ipaddress.ip_address(probe.host)
    except ValueError:
        sentence = f"got {probe.host!r}, want an address or localhost"
        _disagree(("host", sentence, "127.0.0.1"))


def file_probe_agrees(probe: sections.FileProbe) -> None:
    """Raise when a file that must be gone is also asked for its age or content."""
    if probe.exists:
        return
    both = [("max_age", probe.max_age), ("json", probe.json_fields)]
    _disagree(
        *(
            (key, "a file that must be gone has none of this (exists: false)", "exists: true")
            for key, value in both
            if value is not None
        )
    )
