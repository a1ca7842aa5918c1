"""Plans for the tests of this room."""

from __future__ import annotations

from typing import Any

from hermes_supervise.model.spec import (
    Backoff,
    FileProbe,
    GiveUp,
    Launch,
    Logs,
    Marker,
    Owner,
    Plan,
    Program,
    Restart,
    Settings,
    Start,
    Stop,
    TcpProbe,
    UnlockedProbe,
    User,
)
from hermes_supervise.plan.digest import revision

SETTINGS = Settings(state_dir="/s", socket="/s/c.sock", address_file="/r/address")
OPERATOR = User(name="op", uid=1000, gid=1000, groups=(7, 1000), home="/home/op")


def launch(name: str = "a", **more: Any) -> Launch:
    """Return a launch with few values set."""
    values: dict[str, Any] = {
        "argv": ("gw", "--name", name),
        "directory": "/srv",
        "environment": {},
        "inherit_environment": True,
        "user": None,
        "umask": None,
        "backend": "auto",
        "logs": Logs(mode="file", path=f"/s/logs/{name}.log"),
        "marker": None,
    }
    return Launch(**{**values, **more})


def program(name: str = "a", made: Launch | None = None, **more: Any) -> Program:
    """Return a program with few values set."""
    made = launch(name) if made is None else made
    values: dict[str, Any] = {
        "name": name,
        "group": name,
        "revision": revision(made),
        "launch": made,
    }
    return Program(**{**values, **more})


WHOLE = program(
    "whole",
    launch(
        "whole",
        environment={"A": "1", "B": ""},
        inherit_environment=False,
        user=OPERATOR,
        umask=0o27,
        backend="posix",
        logs=Logs(mode="file", path="/l", stderr="/e"),
        marker=Marker(path="/m", format="hermes", pid_file="/p"),
    ),
    group="group",
    autostart="always",
    start=Start(timeout=5.0, settle=0.25),
    stop=Stop(
        signal=None,
        drain_timeout=1.5,
        drain_limit=2.5,
        drained=FileProbe(path="/f", exists=True, max_age=9.0, json={"a": None, "b": [1, True]}),
        linger=0.0,
        force_tree=False,
        force_interval=1.0,
    ),
    restart=Restart(
        policy="never",
        success_exit_codes=(0, 2),
        restart_exit_codes=(),
        fatal_exit_codes=(3,),
        fatal_retry_after=None,
        backoff=Backoff(first=0.0, factor=1.5, limit=3.0, jitter=0.0, reset_after=4.0),
        give_up=None,
    ),
    owner=Owner(kind="lock_file", path="/o"),
)

FULL = Plan(config="/f.yaml", settings=SETTINGS, programs=(WHOLE,))

PLAN = Plan(
    config="/f.yaml",
    settings=SETTINGS,
    empty_groups=("none-now",),
    programs=(
        program("a"),
        WHOLE,
        program("b", stop=Stop(drained=TcpProbe(port=80, open=False))),
        program("c", stop=Stop(drained=UnlockedProbe(path="/u"))),
        program("d", restart=Restart(give_up=GiveUp(retry_after=None))),
    ),
)
