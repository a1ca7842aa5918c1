"""Who may ask the supervisor for what: the owner, root, a group, and a program about itself."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hermes_supervise
from hermes_supervise.plan.places import runtime_folder
from tests.e2e.harness import Rig, Said, program, sleeper

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else"),
]

QUICK: dict[str, Any] = {"start": {"settle": "50ms"}}
NOBODY = pwd.getpwnam("nobody")


def group_name(gid: int) -> str:
    """Return the name of a group."""
    return grp.getgrgid(gid).gr_name


def python_for_others() -> str | None:
    """
    Return an interpreter that another user can run, None where there is none.

    Ours may stand in a folder that only we may read.
    """
    enough = "import sys; sys.exit(sys.version_info < (3, 11))"
    for path in (os.path.realpath(sys.executable), "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            done = subprocess.run([path, "-c", enough], user=NOBODY.pw_uid, check=False, cwd="/")
        except OSError:
            continue
        if done.returncode == 0:
            return path
    return None


@pytest.fixture
def open_rig(rig: Rig) -> Rig:
    """A rig whose folder others may pass through, as that of a service, with a copy of us in it."""
    rig.root.chmod(0o711)
    shutil.copytree(Path(hermes_supervise.__file__).parent, rig.root / "lib" / "hermes_supervise")
    return rig


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter for another user."""
    found = python_for_others()
    if found is None:
        pytest.skip("no Python here that another user can run")
    return found


def for_others(rig: Rig) -> dict[str, str]:
    """Return the variables by which another user finds us."""
    return {"PYTHONPATH": str(rig.root / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}


class Other:
    """Another user who asks."""

    def __init__(self, rig: Rig, python: str) -> None:
        self.rig = rig
        self.python = python

    def ctl(self, *words: str, groups: Sequence[int] = ()) -> Said:
        """Run ``ctl`` as nobody."""
        place = ["--socket", str(self.rig.socket)]
        done = subprocess.run(
            [self.python, "-m", "hermes_supervise", "ctl", *place, *words],
            user=NOBODY.pw_uid,
            group=NOBODY.pw_gid,
            extra_groups=groups,
            env={**self.rig.environ, **for_others(self.rig)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def other(open_rig: Rig, python: str) -> Other:
    """Another user of this machine."""
    return Other(open_rig, python)


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def waiting(**keys: Any) -> dict[str, Any]:
    """Return a program that any user can run."""
    return {"command": sleeper(), **QUICK, **keys}


def test_the_socket_is_the_owners_alone(open_rig: Rig, other: Other) -> None:
    """Without ``user:`` and ``socket_group`` nobody else can even connect."""
    rig = open_rig
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    said = other.ctl("status")

    assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o600
    assert said.code == 4
    assert "permission denied" in said.err


def test_a_group_that_was_let_in_may_do_everything(open_rig: Rig, other: Other) -> None:
    """And one that was not may do nothing."""
    rig = open_rig
    rig.write({"a": polite()}, supervisor={"socket_group": group_name(12)})
    rig.start()
    rig.until_settled()
    member = other.ctl("stop", "a", groups=[12])
    stranger = other.ctl("status")

    assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o660
    assert member.code == 0, member.err
    assert rig.phase("a") == "stopped"
    assert rig.events("a", "asked-stop")[0]["by"].startswith(f"uid {NOBODY.pw_uid}, pid ")
    assert stranger.code == 4


def test_a_reload_changes_who_may_knock(open_rig: Rig, other: Other) -> None:
    """The rights of the socket follow the file."""
    rig = open_rig
    rig.write({"a": polite()}, supervisor={"socket_group": group_name(12)})
    rig.start()
    rig.until_settled()
    before = other.ctl("status", groups=[12]).code
    rig.write({"a": polite()})
    assert rig.ctl("reload").code == 0
    after = other.ctl("status", groups=[12]).code

    assert (before, after) == (0, 4)
    assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o600


INSIDE = """
import json, os, subprocess, sys, time
def ctl(*words):
    command = [sys.executable, "-m", "hermes_supervise", "ctl", *words]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return [done.returncode, done.stdout, done.stderr]
found = {
    "uid": os.getuid(),
    "status": ctl("status", "inside", "--json"),
    "other": ctl("status", "other"),
    "all": ctl("status"),
    "group": ctl("status", "in*"),
    "start": ctl("start", "inside"),
    "stop-other": ctl("stop", "other", "--no-wait"),
    "reload": ctl("reload"),
    "events": ctl("events"),
    "logs": ctl("logs", "inside"),
    "signal": ctl("signal", "inside", "HUP"),
    "shutdown": ctl("shutdown"),
}
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(found, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
subprocess.run([sys.executable, "-m", "hermes_supervise", "ctl", "stop", "inside", "--no-wait"])
time.sleep(60)
"""


def test_a_program_of_another_user_may_ask_about_itself_only(open_rig: Rig, other: Other) -> None:
    """By the very command that an operator uses, from its own environment."""
    rig = open_rig
    folder = rig.root / "own"
    folder.mkdir()
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    script = rig.root / "inside.py"
    script.write_text(INSIDE)
    script.chmod(0o644)
    inside = {
        "command": [other.python, str(script), str(folder / "found")],
        "directory": str(folder),
        "user": "nobody",
        "environment": for_others(rig),
        **QUICK,
    }
    rig.write({"inside": inside, "other": polite()})
    rig.start()
    rig.until((folder / "found").exists, "what it found")
    found = json.loads((folder / "found").read_text())
    rig.until(lambda: rig.phase("inside") == "stopped", "its own stop")
    code, out, _ = found.pop("status")

    assert found.pop("uid") == NOBODY.pw_uid
    assert code == 0
    assert [row["name"] for row in json.loads(out)["programs"]] == ["inside"]
    for name, (refused, said, why) in found.items():
        assert refused != 0, name
        assert "may not ask for" in why, name
        assert not said, name
    assert rig.phase("other") == "running"
    assert rig.row("inside")["desired"] == "down"
    (asked,) = rig.events("inside", "asked-stop")
    assert asked["by"].startswith(f"uid {NOBODY.pw_uid}, ")


def test_a_stranger_may_knock_where_users_differ_and_is_told_no(
    open_rig: Rig, other: Other
) -> None:
    """The socket is open to all then; what counts is who asks."""
    rig = open_rig
    rig.write({"a": waiting(user="nobody", directory="/"), "b": polite()})
    rig.start()
    rig.until_settled()
    pretending = other.ctl("stop", "a")  # the right uid, but no process of the program

    assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o666
    assert pretending.code != 0
    assert "may not ask for stop" in pretending.err
    assert rig.phase("a") == "running"


def test_the_default_socket_can_be_reached_by_other_users(open_rig: Rig, other: Other) -> None:
    """Its folder and the one above let through, and show nothing."""
    rig = open_rig
    rig.write({"a": waiting(user="nobody", directory="/")})
    document = json.loads(rig.config.read_text())
    del document["supervisor"]["socket"]
    rig.config.write_text(json.dumps(document))
    rig.start(wait=False)
    rig.socket = type(rig.socket)(runtime_folder(str(rig.config), rig.environ, 0)) / "control.sock"
    rig.until(rig.answers, "an answer")
    rig.until_settled()
    said = other.ctl("status")
    folders = (rig.socket.parent, rig.socket.parents[1])
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in folders]

    assert modes == [0o711, 0o711]
    assert "may not ask for status" in said.err


def test_strangers_cannot_crowd_out_the_operator(open_rig: Rig, other: Other) -> None:
    """However many connections they hold open."""
    rig = open_rig
    rig.write({"a": waiting(user="nobody", directory="/")})
    rig.start()
    rig.until_settled()
    crowd = subprocess.Popen(
        [
            other.python,
            "-c",
            "import socket, sys, time\n"
            "held = []\n"
            "for _ in range(400):\n"
            "    held.append(socket.socket(socket.AF_UNIX)); held[-1].connect(sys.argv[1])\n"
            "print('held', flush=True); time.sleep(60)",
            str(rig.socket),
        ],
        user=NOBODY.pw_uid,
        group=NOBODY.pw_gid,
        extra_groups=[],
        cwd="/",
        stdout=subprocess.PIPE,
    )
    try:
        assert crowd.stdout is not None
        assert crowd.stdout.readline() == b"held\n"
        asked = [rig.ctl("status").code for _ in range(3)]
    finally:
        crowd.kill()
        crowd.communicate()

    assert asked == [0, 0, 0]
