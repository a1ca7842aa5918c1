"""CPU and memory of each program with everything that descends from it, read here with psutil."""

from __future__ import annotations

import select

import psutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.words import Row

SAMPLE = 0.25
"""Seconds between the two looks that CPU is reckoned from."""


class Trees:
    """
    The processes of each program: its main process and what descends from it.

    A process that left its parents behind is not seen here; the supervisor finds it by cgroup or
    run id, we only read what any user may read.
    """

    def __init__(self) -> None:
        self._members: dict[str, list[int]] = {}
        self._processes: dict[int, psutil.Process] = {}

    def look(self, rows: list[Row]) -> None:
        """Find the processes of *rows* anew; those known already keep their last reading."""
        children: dict[int, list[int]] = {}
        for process in psutil.process_iter(["ppid"]):
            children.setdefault(process.info["ppid"], []).append(process.pid)
        self._members = {
            row["name"]: _descendants(row["pid"], children) for row in rows if row["pid"]
        }
        known, self._processes = self._processes, {}
        for pid in {pid for pids in self._members.values() for pid in pids}:
            try:
                process = known.get(pid) or psutil.Process(pid)
                if pid not in known:
                    process.cpu_percent(None)
            except psutil.Error:
                continue  # It ended meanwhile.
            self._processes[pid] = process

    def read(self) -> dict[str, dict[str, Any]]:
        """
        Return by program: CPU since the last reading in percent of one core, memory in bytes.

        ``pss`` is None where we may not read it.
        """
        return {name: self._sum(pids) for name, pids in self._members.items()}

    def _sum(self, pids: list[int]) -> dict[str, Any]:
        cpu, rss, count = 0.0, 0, 0
        pss: int | None = 0
        for pid in pids:
            process = self._processes.get(pid)
            if process is None:
                continue
            try:
                with process.oneshot():
                    cpu += process.cpu_percent(None)
                    rss += process.memory_info().rss
            except psutil.Error:
                continue  # It ended between the two looks.
            count += 1
            own = _pss(process)
            pss = None if pss is None or own is None else pss + own
        return {
            "processes": count,
            "cpu_percent": round(cpu, 1),
            "rss_bytes": rss,
            "pss_bytes": pss if count else None,
        }


def figures(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Return the figures of the programs that live, after two looks a moment apart."""
    trees = Trees()
    trees.look(rows)
    select.select([], [], [], SAMPLE)
    return trees.read()


def in_words(read: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Return figures as the cells of the table."""
    return {
        name: {
            "CPU": f"{each['cpu_percent']:.1f}%",
            "RSS": size_text(each["rss_bytes"]),
            "PSS": "" if each["pss_bytes"] is None else size_text(each["pss_bytes"]),
        }
        for name, each in read.items()
        if each["processes"]
    }


def size_text(size: float) -> str:
    """Return bytes as people read them, 1024-based: ``512KB``, ``14.2MB``."""
    size /= 1024
    for unit in ("KB", "MB"):
        if size < 1000:
            return f"{size:.0f}{unit}" if unit == "KB" else f"{size:.1f}{unit}"
        size /= 1024
    return f"{size:.1f}GB"


def _descendants(pid: int, children: dict[int, list[int]]) -> list[int]:
    found, todo = [], [pid]
    while todo:
        next_pid = todo.pop()
        found.append(next_pid)
        todo += children.get(next_pid, [])
    return found


def _pss(process: psutil.Process) -> int | None:
    try:
        return int(process.memory_full_info().pss)  # type: ignore[attr-defined, unused-ignore]  # Linux
    except (psutil.Error, AttributeError):
        return None
