"""Defaults under every program, and one program for each value."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_supervise.config.instances import matches
from hermes_supervise.model.spec import TcpProbe
from tests.unit.config.given import compiled, messages, plan, unprivileged


def test_defaults_merge_mappings_and_replace_lists() -> None:
    """What a program says wins, key by key."""
    text = """
        defaults:
          environment: {A: "1", B: "1"}
          stop: {drain_timeout: 9s, linger: 1s}
          restart: {success_exit_codes: [0, 1], backoff: {first: 2s}}
        programs:
          a:
            command: x
            environment: {B: "2"}
            stop: {linger: 2s}
            restart: {success_exit_codes: [0], backoff: {limit: 9s}}
          b: {command: x, stop: }
        """
    first, second = plan(text).programs

    assert first.launch.environment == {"A": "1", "B": "2"}
    assert (first.stop.drain_timeout, first.stop.linger) == (9.0, 2.0)
    assert first.restart.success_exit_codes == (0,)
    assert (first.restart.backoff.first, first.restart.backoff.limit) == (2.0, 9.0)
    assert second.stop.drain_timeout == 9.0


def test_a_probe_of_another_kind_replaces_that_of_the_defaults() -> None:
    """Merged, they would be two kinds, and no program could choose its own."""
    text = """
        defaults: {command: x, stop: {drained: {tcp: {port: 1, open: false}}}}
        programs:
          a: {stop: {drained: {tcp: {port: 2}}}}
          b: {stop: {drained: {unlocked: {path: l}}}}
          c: {stop: {drained: none}}
        """
    first, second, third = plan(text).programs

    assert first.stop.drained == TcpProbe(port=2, open=False)
    assert type(second.stop.drained).__name__ == "UnlockedProbe"
    assert third.stop.drained is None


def test_a_mistake_in_the_defaults_is_told_once_and_there() -> None:
    """Not once for each program under which it is merged."""
    told = messages("defaults:\n  umask: 8\nprograms: {a: {command: x}, b: {command: x}}\n")

    assert told == ["2:10: defaults.umask: got 8, want three octal digits in quotes"]


def test_a_mistake_in_the_defaults_that_every_program_overrides_is_told() -> None:
    """The next program will not."""
    told = messages("defaults:\n  umask: 8\nprograms: {a: {command: x, umask: '022'}}\n")

    assert len(told) == 1


def test_for_each_makes_one_program_for_each_value() -> None:
    """In every text, single numbers too; other braces are left alone."""
    text = """
        programs:
          gw:
            command: [gw, -p, "{profile}", "{other}", "$${profile}"]
            directory: homes/{profile}
            stop: {drained: {file: {path: p, json: {pid: "{pid}", who: "{profile}"}}}}
            for_each: {profile: [a, "B c!", 3]}
        """
    first, second, third = plan(text).programs

    assert [each.name for each in (first, second, third)] == ["gw-a", "gw-b-c-", "gw-3"]
    assert {each.group for each in (first, second, third)} == {"gw"}
    assert second.launch.argv == ("gw", "-p", "B c!", "{other}", "${profile}")
    assert second.launch.directory == "/srv/app/homes/B c!"
    assert third.stop.drained is not None
    assert third.stop.drained.json == {"pid": "{pid}", "who": "3"}  # type: ignore[union-attr]


def test_a_port_may_come_from_for_each() -> None:
    """Ports are what instances differ in."""
    text = """
        programs:
          gw:
            command: [gw, "{port}"]
            stop: {drained: {tcp: {port: "{port}", open: false}}}
            for_each: {port: [8700, 8701]}
        """

    assert [each.stop.drained for each in plan(text).programs] == [
        TcpProbe(port=8700, open=False),
        TcpProbe(port=8701, open=False),
    ]


def test_two_values_with_one_name_are_an_error_that_shows_both() -> None:
    """Their logs and their intents would be one."""
    told = messages("programs:\n  gw: {command: x, for_each: {p: [a b, a+b]}}\n")

    assert told == [
        "2:34: programs.gw.for_each.p: got the program gw-a-b twice: from gw with p a+b, "
        "and from gw with p a b at line 2"
    ]


def test_an_instance_with_the_name_of_another_program_is_an_error() -> None:
    """Whoever comes second is told of the first."""
    told = messages("programs:\n  gw: {command: x, for_each: {p: [a]}}\n  gw-a: {command: x}\n")

    assert told == [
        "3:3: programs.gw-a: got the program gw-a twice: from gw-a, and from gw with p a at line 2"
    ]


@pytest.mark.parametrize(
    ("for_each", "told"),
    [
        ("{}", "for_each: got an empty mapping, want one key with its values"),
        ("{a: [x], b: [y]}", "for_each: got a mapping, want one key with its values"),
        ("[a]", "for_each: got a list, want one key with its values"),
        ("{a b: [x]}", 'for_each.a b: got "a b", want a key of letters, digits and `_`'),
        ("{pid: [x]}", 'for_each.pid: got "pid", want another key: {pid} means the process'),
        ("{a: x}", 'for_each.a: got "x", want a list of values, or {glob: PATTERN}'),
        ("{a: [1.5]}", "for_each.a.0: got 1.5, want a text or a whole number"),
        ("{a: [x, no]}", "for_each.a.1: got false, want a text or a whole number"),
        ("{a: ['']}", 'for_each.a.0: got "", want a text or a whole number'),
        ("{a: {glob: '**'}}", 'for_each.a.glob: got "**", want a pattern with exactly one `*`'),
        ("{a: {glob: x}}", 'for_each.a.glob: got "x", want a pattern with exactly one `*`'),
        ("{a: {glob: 3}}", "for_each.a.glob: got 3, want a pattern with exactly one `*`"),
        ("{a: {glob: '/${STAR}/*'}}", 'for_each.a.glob: got "/*/*", want exactly one `*`'),
        ("{a: {glob: '${NOPE}/*'}}", "for_each.a.glob: the variable NOPE is not set"),
    ],
)
def test_a_wrong_for_each_is_told_where_it_is_wrong(for_each: str, told: str) -> None:
    """One key, and values that can be part of a name."""
    (only,) = messages(f"programs:\n  gw: {{command: x, for_each: {for_each}}}\n")

    assert told in only


def test_a_mistake_in_an_instance_is_told_once_at_its_template() -> None:
    """Five hundred instances have one template."""
    told = messages(
        "programs:\n  gw:\n    command: x\n    umask: 8\n    for_each: {p: [a, b, c]}\n"
    )

    assert told == ["4:12: programs.gw.umask: got 8, want three octal digits in quotes"]


def test_no_value_makes_no_program_and_a_warning() -> None:
    """A folder may be empty today; but somebody should know."""
    result = compiled("programs: {gw: {command: x, for_each: {p: []}}}")

    assert result.plan is not None
    assert result.plan.programs == ()
    assert result.plan.empty_groups == ("gw",)
    assert [each.message for each in result.warnings] == ["an empty list: no program comes of this"]


def test_a_program_without_instances_is_still_checked() -> None:
    """The first instance would bring the mistake to light at the worst time."""
    told = messages("programs: {gw: {command: x, umask: 8, directory: '{p}', for_each: {p: []}}}")

    assert len(told) == 1


def test_instances_that_share_a_marker_are_told_to_put_the_key_into_it() -> None:
    """The usual mistake with templates."""
    (problem,) = compiled(
        "programs: {gw: {command: x, stop: {marker: {path: m}}, for_each: {p: [a, b]}}}"
    ).problems

    assert problem.write == "path: a path with the key of for_each in it"


# Globs


def test_a_glob_yields_what_its_star_stands_for(tmp_path: Path) -> None:
    """Relative to the folder of the file, in a fixed order."""
    for name in ("b", "a", ".hidden", "no-file"):
        (tmp_path / "profiles" / name).mkdir(parents=True)
        if name != "no-file":
            (tmp_path / "profiles" / name / "config.yaml").touch()
    text = "programs: {gw: {command: x, for_each: {p: {glob: profiles/*/config.yaml}}}}"

    made = plan(text, folder=str(tmp_path)).programs

    assert [each.name for each in made] == ["gw-a", "gw-b"]


def test_a_glob_may_have_text_around_its_star(tmp_path: Path) -> None:
    """The value is only what the star stands for; other signs mean themselves."""
    for name in ("gw-[1].env", "gw-[2].env", "gw-3.env", "gw-[].env"):
        (tmp_path / name).touch()

    assert matches(f"{tmp_path}/gw-[*].env") == ["1", "2"]


def test_a_hidden_name_must_be_asked_for(tmp_path: Path) -> None:
    """As in a shell."""
    (tmp_path / ".a").touch()

    assert matches(f"{tmp_path}/*") == []
    assert matches(f"{tmp_path}/.*") == ["a"]


def test_a_glob_that_matches_nothing_is_a_warning(tmp_path: Path) -> None:
    """`reload` asks again before it drains everything."""
    text = "programs: {gw: {command: x, for_each: {p: {glob: none/*}}}}"

    result = compiled(text, folder=str(tmp_path))

    assert result.plan is not None
    assert "matches nothing" in result.warnings[0].message


def test_a_folder_that_may_not_be_read_is_no_empty_folder(tmp_path: Path) -> None:
    """Taken for empty, it would drain every instance."""
    (tmp_path / "shut").mkdir(mode=0)
    text = "programs: {gw: {command: x, for_each: {p: {glob: shut/*}}}}"

    with unprivileged():
        told = messages(text, folder=str(tmp_path))

    assert "cannot look: permission denied" in told[0]


def test_a_flood_of_instances_is_bounded() -> None:
    """Ten thousand is a lot."""
    values = ", ".join(map(str, range(10_001)))

    told = messages(f"programs: {{gw: {{command: x, for_each: {{p: [{values}]}}}}}}")

    assert any("more than 10,000 programs" in each for each in told)
