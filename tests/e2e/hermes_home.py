"""
The real Hermes gateway as a test subject: installed once, run in a throw-away home, no network.

A home holds profiles; each profile is a folder of its own with its configuration, its pid file
and its ``gateway_state.json``, in which the gateway says what it thinks it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cached_venv import CannotInstallError, installed

VERSION = "0.19.0"
"""The version that ``hermes-agent`` was studied at; the latest one stands in where it is gone."""

NOWHERE = "http://127.0.0.1:9"
"""A proxy that refuses every connection, so that a test cannot reach the network by accident."""


def hermes_command() -> str:
    """
    Return the path of the ``hermes`` command.

    Raises:
        CannotInstallError: neither the version we know nor the latest can be installed here.
    """
    try:
        folder = installed(f"hermes-agent=={VERSION}")
    except CannotInstallError:
        folder = installed("hermes-agent")
    return str(folder / "bin" / "hermes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One profile of a home: the files by which its gateway can be watched."""

    folder: Path

    @property
    def marker(self) -> Path:
        """Where its gateway looks for a planned stop."""
        return self.folder / ".gateway-planned-stop.json"

    @property
    def pid_file(self) -> Path:
        """What its gateway removes when its work is saved."""
        return self.folder / "gateway.pid"

    def state(self) -> dict[str, object]:
        """Return what its gateway says of itself; empty where it has said nothing yet."""
        return _record(self.folder / "gateway_state.json")

    def up(self, pid: object) -> bool:
        """
        Return whether the gateway with this pid has come up completely.

        It says ``running`` some time before its start is over; the heartbeat comes last.
        """
        state = self.state()
        beat = _record(self.folder / "state" / "gateway.heartbeat")
        return state.get("gateway_state") == "running" and state.get("pid") == pid == beat.get(
            "pid"
        )


def _record(path: Path) -> dict[str, object]:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HermesHome:
    """A throw-away HERMES_HOME with some profiles."""

    root: Path
    profiles: dict[str, Profile]

    def environment(self) -> dict[str, str]:
        """Return the variables that keep whoever gets them in this home and off the network."""
        return {
            "HOME": str(self.root.parent),
            "HERMES_HOME": str(self.root),
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
        }


def make_home(root: Path, *names: str) -> HermesHome:
    """Return a new home at *root* with a profile for each of *names*."""
    profiles = {name: Profile(folder=root / "profiles" / name) for name in names}
    for profile in profiles.values():
        profile.folder.mkdir(parents=True)
        # Without this line the gateway downloads a security scanner when it starts.
        (profile.folder / "config.yaml").write_text("security: {tirith_enabled: false}\n")
        (profile.folder / "SOUL.md").write_text("You are a test.\n")
    return HermesHome(root=root, profiles=profiles)
