"""Whom a program runs as."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from hermes_supervise.model.spec import User
from tests.unit.config.given import ENVIRON, compiled, message, messages, plan

SOMEBODY = next(entry for entry in pwd.getpwall() if entry.pw_uid not in {0, os.geteuid()})
OTHER_GROUP = next(entry for entry in grp.getgrall() if entry.gr_gid != SOMEBODY.pw_gid)


def made(keys: str) -> object:
    """Return the launch of program `a`, compiled for root."""
    text = f"programs: {{a: {{command: x, {keys}}}}}"
    return plan(text, uid=0).programs[0].launch  # type: ignore[arg-type]


def test_a_user_brings_groups_and_home() -> None:
    """HOME, USER and LOGNAME are that user's, and so is `~`."""
    launch = made(f"user: {SOMEBODY.pw_name}, directory: ~/x")

    assert launch.user == User(  # type: ignore[attr-defined]
        name=SOMEBODY.pw_name,
        uid=SOMEBODY.pw_uid,
        gid=SOMEBODY.pw_gid,
        groups=tuple(sorted(os.getgrouplist(SOMEBODY.pw_name, SOMEBODY.pw_gid))),
        home=SOMEBODY.pw_dir,
    )
    assert launch.environment == {  # type: ignore[attr-defined]
        "HOME": SOMEBODY.pw_dir,
        "USER": SOMEBODY.pw_name,
        "LOGNAME": SOMEBODY.pw_name,
    }
    assert launch.directory == os.path.join(SOMEBODY.pw_dir, "x")  # type: ignore[attr-defined]


def test_a_user_may_be_a_number_and_groups_be_named() -> None:
    """Images often know the number only."""
    launch = made(
        f"user: {SOMEBODY.pw_uid}, group: {OTHER_GROUP.gr_name}, groups: [{OTHER_GROUP.gr_gid}, 7]"
    )

    assert launch.user.uid == SOMEBODY.pw_uid  # type: ignore[attr-defined]
    assert launch.user.gid == OTHER_GROUP.gr_gid  # type: ignore[attr-defined]
    assert set(launch.user.groups) == {OTHER_GROUP.gr_gid, 7}  # type: ignore[attr-defined]


def test_what_the_file_says_wins_over_the_users_variables() -> None:
    """Somebody who sets HOME means it."""
    launch = made(f"user: {SOMEBODY.pw_name}, environment: {{HOME: /data}}")

    assert launch.environment["HOME"] == "/data"  # type: ignore[attr-defined]


def test_only_root_can_change_the_user() -> None:
    """Found at the check, not at the spawn."""
    told = message(f"user: {SOMEBODY.pw_name}", uid=1000)

    assert told == "user: only root can change the user, and uid 1000 is not root"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("user: nobody-has-this-name", 'user: got "nobody-has-this-name", no such user here'),
        ("user: 4000000000", 'user: got "4000000000", no such user here'),
        (
            f"{{user: {SOMEBODY.pw_name}, group: no-such-group}}",
            'group: got "no-such-group", no such group here',
        ),
        (
            f"{{user: {SOMEBODY.pw_name}, groups: [no-such-group]}}",
            'groups.0: got "no-such-group", no such group here',
        ),
        ("user: no", "user: got false, want a name or a number"),
    ],
)
def test_an_unknown_user_or_group_is_told(keys: str, told: str) -> None:
    """The database of this host is asked when the file is compiled."""
    text = f"programs: {{a: {{command: x, {keys.strip('{}')}}}}}"

    (only,) = compiled(text, ENVIRON, uid=0).problems

    assert f"{only.key.removeprefix('programs.a.')}: {only.message}" == told


def test_an_unknown_socket_group_is_told() -> None:
    """Else nobody could connect, and nobody would know why."""
    told = messages("supervisor: {socket_group: no-such-group}\nprograms: {}\n")

    assert told == ['1:28: supervisor.socket_group: got "no-such-group", no such group here']
