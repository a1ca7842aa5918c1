"""Where state, socket and address file lie when nobody says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_supervise.plan import places
from hermes_supervise.plan.places import (
    address_file,
    default_socket,
    runtime_folder,
    socket_too_long,
    state_folder,
    supervisor_id,
)

FILE = "/srv/app/s.yaml"
ID = hashlib.sha256(FILE.encode()).hexdigest()[:16]
HOME = {"HOME": "/home/op"}


def test_a_supervisor_is_named_after_the_real_path_of_its_file(tmp_path: Path) -> None:
    """Two links to one file are one supervisor."""
    (tmp_path / "s.yaml").touch()
    (tmp_path / "link.yaml").symlink_to("s.yaml")

    assert supervisor_id(FILE) == ID
    assert supervisor_id(str(tmp_path / "link.yaml")) == supervisor_id(str(tmp_path / "s.yaml"))


@pytest.mark.parametrize(
    ("environ", "uid", "state"),
    [
        ({**HOME, "XDG_STATE_HOME": "/st"}, 1000, "/st"),
        (HOME, 1000, "/home/op/.local/state"),
        ({**HOME, "XDG_STATE_HOME": ""}, 1000, "/home/op/.local/state"),
        ({**HOME, "XDG_STATE_HOME": "relative"}, 1000, "/home/op/.local/state"),
        ({**HOME, "XDG_STATE_HOME": "/st"}, 0, "/var/lib"),
    ],
)
def test_the_state_folder_follows_xdg_except_for_root(
    environ: dict[str, str], uid: int, state: str
) -> None:
    """Root's folders do not depend on how root was become."""
    assert state_folder(FILE, environ, uid) == f"{state}/hermes-supervise/{ID}"


@pytest.mark.parametrize(
    ("environ", "uid", "runtime"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000, "/run/user/1000/hermes-supervise"),
        ({}, 1000, "/tmp/hermes-supervise-1000"),
        ({"TMPDIR": "/var/tmp"}, 1000, "/var/tmp/hermes-supervise-1000"),
        ({"TMPDIR": "relative"}, 1000, "/tmp/hermes-supervise-1000"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, 0, "/run/hermes-supervise"),
    ],
)
def test_the_runtime_folder_follows_xdg_except_for_root(
    environ: dict[str, str], uid: int, runtime: str
) -> None:
    """Socket and address file stand there together."""
    assert runtime_folder(FILE, environ, uid) == f"{runtime}/{ID}"
    assert default_socket(FILE, environ, uid) == f"{runtime}/{ID}/control.sock"
    assert address_file(FILE, environ, uid) == f"{runtime}/{ID}/address"


def test_other_systems_have_other_folders() -> None:
    """Which one a host is, its backend knows; here it is an argument."""
    windows = {"LOCALAPPDATA": "/local"}

    assert state_folder(FILE, HOME, 501, places.MACOS) == (
        f"/home/op/Library/Application Support/hermes-supervise/{ID}"
    )
    assert state_folder(FILE, windows, -1, places.WINDOWS) == f"/local/hermes-supervise/{ID}"
    assert runtime_folder(FILE, windows, -1, places.WINDOWS) == f"/local/hermes-supervise/run/{ID}"
    assert runtime_folder(FILE, {"TMPDIR": "/t"}, 501, places.MACOS) == (
        f"/t/hermes-supervise-501/{ID}"
    )


def test_a_home_that_is_not_in_the_environment_is_asked_for() -> None:
    """Service managers often set none."""
    assert state_folder(FILE, {}, 0x7FFFFFF0).endswith(f"/.local/state/hermes-supervise/{ID}")


def test_a_socket_path_is_measured_in_bytes() -> None:
    """Signs of other scripts take more than one."""
    assert not socket_too_long("/" + "x" * 99)
    assert socket_too_long("/" + "x" * 100)
    assert socket_too_long("/" + "ä" * 50)


def test_places_are_found_without_heavy_imports() -> None:
    """`ctl` pays for them at every start."""
    heavy = {"dataclasses", "typing", "inspect", "pathlib", "tempfile", "pwd", "json", "re"}
    script = (
        f"import sys; before = set(sys.modules); import hermes_supervise.plan.places; "
        f"print(sorted({heavy!r} & (set(sys.modules) - before)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert result.stdout == "[]\n"
