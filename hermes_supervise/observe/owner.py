"""Whether somebody else already runs what a program is about to run."""

from __future__ import annotations

from hermes_supervise.backends import host, locks
from hermes_supervise.model.facts import Hold
from hermes_supervise.model.phase import Reason
from hermes_supervise.model.spec import Owner
from hermes_supervise.observe.pidfile import read_pid_file


def foreign_owner(owner: Owner) -> Hold | None:
    """
    Return what holds a program back whose own process is known to be gone, None if nothing does.

    A pid file counts when it names a living process, and that process has the start time that the
    file tells, if it tells one.  A lock counts while anybody holds it.
    """
    if owner.kind == "lock_file":
        return _locked(owner.path)
    named = read_pid_file(owner.path)
    if named is None:
        return None
    pid, start = named
    if not host.is_alive(pid):
        return None
    if start is not None and host.hermes_start_time(pid) != start:
        return None
    return Hold(reason=Reason.FOREIGN_OWNER, message=f"owned by pid {pid} ({owner.path})")


def _locked(path: str) -> Hold | None:
    try:
        held = locks.is_locked(path)
    except OSError:
        return None
    if not held:
        return None
    return Hold(reason=Reason.FOREIGN_OWNER, message=f"another process holds the lock {path}")
