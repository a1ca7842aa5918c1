"""The compiled plan survives being written, and damage is refused with our own error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.model.errors import PlanError
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
from hermes_supervise.plan.codec import decode, encode
from hermes_supervise.plan.difference import Action, differences

TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=5)
TIME = st.floats(0, 1e9)
CODES = st.lists(st.integers(0, 255), max_size=3).map(tuple)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), TIME, TEXT)

PROBES = st.one_of(
    st.none(),
    st.builds(
        FileProbe,
        path=TEXT,
        exists=st.booleans(),
        max_age=st.none() | TIME,
        json=st.none() | st.dictionaries(TEXT, VALUES, max_size=2),
    ),
    st.builds(TcpProbe, port=st.integers(1, 65535), host=TEXT, open=st.booleans()),
    st.builds(UnlockedProbe, path=TEXT),
)
LAUNCHES = st.builds(
    Launch,
    argv=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    directory=TEXT,
    environment=st.dictionaries(TEXT, TEXT, max_size=2),
    inherit_environment=st.booleans(),
    user=st.none()
    | st.builds(
        User,
        name=TEXT,
        uid=st.integers(0, 9),
        gid=st.integers(0, 9),
        groups=st.lists(st.integers(0, 9), max_size=2).map(tuple),
        home=TEXT,
    ),
    umask=st.none() | st.integers(0, 0o777),
    backend=TEXT,
    logs=st.builds(Logs, mode=TEXT, path=st.none() | TEXT, stderr=st.none() | TEXT),
    marker=st.none() | st.builds(Marker, path=TEXT, format=TEXT, pid_file=st.none() | TEXT),
)
PROGRAMS = st.builds(
    Program,
    name=TEXT,
    group=TEXT,
    revision=TEXT,
    launch=LAUNCHES,
    autostart=TEXT,
    start=st.builds(Start, timeout=TIME, settle=TIME),
    stop=st.builds(
        Stop,
        signal=st.none() | st.integers(1, 31),
        drain_timeout=TIME,
        drain_limit=TIME,
        drained=PROBES,
        linger=TIME,
        force_tree=st.booleans(),
        force_interval=TIME,
    ),
    restart=st.builds(
        Restart,
        policy=TEXT,
        success_exit_codes=CODES,
        restart_exit_codes=CODES,
        fatal_exit_codes=CODES,
        fatal_retry_after=st.none() | TIME,
        backoff=st.builds(
            Backoff, first=TIME, factor=TIME, limit=TIME, jitter=TIME, reset_after=TIME
        ),
        give_up=st.none()
        | st.builds(GiveUp, failures=st.integers(1, 9), within=TIME, retry_after=st.none() | TIME),
    ),
    owner=st.none() | st.builds(Owner, kind=TEXT, path=TEXT),
)
PLANS = st.builds(
    Plan,
    config=TEXT,
    settings=st.builds(
        Settings,
        state_dir=TEXT,
        socket=TEXT,
        address_file=TEXT,
        socket_gid=st.none() | st.integers(0, 9),
        on_exit=TEXT,
        shutdown_timeout=st.none() | TIME,
        cgroups=TEXT,
    ),
    empty_groups=st.lists(TEXT, max_size=2).map(tuple),
    programs=st.lists(PROGRAMS, max_size=3, unique_by=lambda each: each.name).map(tuple),
)


@given(PLANS)
def test_every_plan_comes_back_exactly(plan: Plan) -> None:
    """Programs are compared with it to see whether they must restart."""
    assert decode(encode(plan)) == plan


@given(PLANS, st.data())
def test_a_damaged_plan_is_a_plan_or_our_own_error(plan: Plan, data: st.DataObject) -> None:
    """A supervisor that cannot read a plan keeps the old one and says so."""
    text = encode(plan)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 5))
    damaged = (
        text[:at] + data.draw(st.sampled_from(["", "0", "null", "[]", '"'])) + text[at + cut :]
    )

    try:
        found: object = decode(damaged)
    except PlanError as error:
        found = error

    assert isinstance(found, Plan | PlanError)


@given(PLANS, PLANS)
def test_the_difference_of_two_plans_leads_from_one_to_the_other(old: Plan, new: Plan) -> None:
    """Every program is named once, and a restart is asked for exactly when the launch differs."""
    before = {each.name: each for each in old.programs}
    after = {each.name: each for each in new.programs}

    changes = {each.name: each for each in differences(old, new)}

    assert set(changes) == set(before) | set(after)
    for name, change in changes.items():
        if change.action is Action.ADD:
            assert name not in before
        elif change.action is Action.REMOVE:
            assert name not in after
        else:
            differs = before[name].launch != after[name].launch
            assert (change.action is Action.RESTART) == differs
            assert (change.action is Action.NONE) == (before[name] == after[name])
