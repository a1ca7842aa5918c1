"""What a reload would do, in the words of the configuration file."""

from __future__ import annotations

from dataclasses import replace

from hermes_supervise.model.spec import Logs, Marker, Plan, Program, Restart, Stop, TcpProbe
from hermes_supervise.plan.difference import (
    Action,
    Change,
    FieldChange,
    differences,
    settings_differences,
)
from hermes_supervise.plan.digest import revision
from tests.unit.plan.given import OPERATOR, PLAN, SETTINGS, WHOLE, launch, program


def of(*programs: Program) -> Plan:
    """Return a plan of these programs."""
    return replace(PLAN, programs=programs)


def changed(before: Program, after: Program) -> Change:
    """Return what becomes of the one program."""
    (change,) = differences(of(before), of(after))
    return change


def test_the_same_plan_changes_nothing() -> None:
    """Every program is named, so that `reload --plan` can count them."""
    assert {each.action for each in differences(PLAN, PLAN)} == {Action.NONE}
    assert len(differences(PLAN, PLAN)) == len(PLAN.programs)


def test_programs_come_and_go() -> None:
    """Those of the new plan in its order, then those that go."""
    before, after = of(program("a"), program("b")), of(program("c"), program("b"))

    assert [(each.name, each.action) for each in differences(before, after)] == [
        ("c", Action.ADD),
        ("b", Action.NONE),
        ("a", Action.REMOVE),
    ]


def test_a_rule_that_takes_effect_at_once_is_an_update() -> None:
    """Nobody wants a restart for a longer drain."""
    after = program(
        stop=Stop(drain_timeout=90.0, signal=2, drained=TcpProbe(port=1)),
        restart=Restart(policy="never", give_up=None),
        autostart="false",
    )

    change = changed(program(), after)

    assert change.action is Action.UPDATE
    assert change.fields == (
        FieldChange(key="autostart", old="true", new="false"),
        FieldChange(key="stop.signal", old="SIGTERM", new="SIGINT"),
        FieldChange(key="stop.drain_timeout", old="30s", new="90s"),
        FieldChange(
            key="stop.drained", old="none", new="{tcp: {port: 1, host: 127.0.0.1, open: true}}"
        ),
        FieldChange(key="restart.policy", old="always", new="never"),
        FieldChange(key="restart.give_up.failures", old="5", new="none"),
        FieldChange(key="restart.give_up.within", old="5m", new="none"),
        FieldChange(key="restart.give_up.retry_after", old="5m", new="none"),
    )


def test_what_a_program_is_made_with_is_a_restart() -> None:
    """It would not notice otherwise."""
    after = launch(
        argv=("gw", "two words"),
        umask=0o27,
        user=OPERATOR,
        logs=Logs(mode="inherit"),
        marker=Marker(path="/m", format="touch"),
    )

    change = changed(program(), program(made=after))

    assert change.action is Action.RESTART
    assert [(each.key, each.new) for each in change.fields] == [
        ("command", "[gw, two words]"),
        ("user", "op (uid 1000, home /home/op)"),
        ("group", "1000"),
        ("groups", "[7, 1000]"),
        ("umask", '"027"'),
        ("logs.mode", "inherit"),
        ("logs.path", "none"),
        ("stop.marker.path", "/m"),
        ("stop.marker.format", "touch"),
        ("stop.marker.target", "child"),
    ]


def test_values_of_variables_are_never_shown() -> None:
    """A plan of changes is sent to `ctl` and kept in the history."""
    before = launch(environment={"SAME": "hunter0", "GONE": "hunter1", "OTHER": "hunter2"})
    after = launch(environment={"SAME": "hunter0", "OTHER": "hunter3", "NEW": "hunter4"})

    change = changed(program(made=before), program(made=after))

    assert change.action is Action.RESTART
    assert change.fields == (
        FieldChange(key="environment.GONE", old="", new="removed"),
        FieldChange(key="environment.NEW", old="", new="added"),
        FieldChange(key="environment.OTHER", old="", new="changed"),
    )


def test_every_value_of_a_program_that_changes_is_named() -> None:
    """A change without a word would be a riddle."""
    plain = program("whole", group="group")

    change = changed(plain, WHOLE)
    back = changed(WHOLE, plain)

    named = {each.key.split(".")[0] for each in change.fields}
    assert named == {
        "inherit_environment",
        "user",
        "group",
        "groups",
        "umask",
        "backend",
        "logs",
        "stop",
        "autostart",
        "start",
        "restart",
        "owner",
        "environment",
    }
    assert len(back.fields) >= len(named)


def test_a_change_of_the_supervisors_section_is_told_apart() -> None:
    """Some of it needs a new start of the supervisor."""
    after = replace(SETTINGS, socket="/other", shutdown_timeout=90.0, socket_gid=7)

    assert settings_differences(SETTINGS, SETTINGS) == ()
    assert settings_differences(SETTINGS, after) == (
        FieldChange(key="supervisor.socket", old="/s/c.sock", new="/other"),
        FieldChange(key="supervisor.socket_group", old="none", new="7"),
        FieldChange(key="supervisor.shutdown_timeout", old="auto", new="90s"),
    )


def test_the_revision_follows_the_launch_and_nothing_else() -> None:
    """It is how a running program is told to be of this configuration."""
    first = launch(environment={"A": "1", "B": "2"})

    assert revision(first) == revision(launch(environment={"B": "2", "A": "1"}))
    assert revision(first) != revision(launch(environment={"A": "1", "B": "3"}))
    assert revision(first) != revision(launch(user=OPERATOR, environment={"A": "1", "B": "2"}))
    assert revision(WHOLE.launch) == "21509b36040ccd40"
    assert len(revision(first)) == 16
