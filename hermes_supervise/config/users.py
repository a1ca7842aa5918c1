"""The user database of the host; a host without one knows nobody."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

try:
    import grp
    import pwd
except ImportError:  # not a POSIX host
    grp = pwd = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user: names and numbers."""

    name: str
    uid: int
    gid: int
    home: str


@cache
def account(name: str) -> Account | None:
    """Return the account with this name, or with this number as its uid; None if unknown."""
    if pwd is None:
        return None
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        return None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir)


def home_of(name: str) -> str | None:
    """Return the home folder of a user, None if unknown."""
    found = account(name)
    return None if found is None else found.home


@cache
def group_id(name: str) -> int | None:
    """Return the number of a group; a number stands for itself; None if unknown."""
    if name.isdecimal():
        return int(name) if int(name) < 2**32 - 1 else None
    if grp is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


@cache
def groups_of(user: Account, gid: int) -> tuple[int, ...]:
    """Return every group of a user, sorted, *gid* among them."""
    try:
        return tuple(sorted(set(os.getgrouplist(user.name, gid))))
    except OSError:
        return (gid,)
