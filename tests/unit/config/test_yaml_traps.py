"""YAML that means something else than it looks like, by name."""

from __future__ import annotations

import pytest
import yaml

from hermes_supervise.config import tree
from hermes_supervise.config.problems import Problem
from tests.unit.config.given import below, compiled, message, messages, program, write


def only(keys: str) -> Problem:
    """Return the only problem of a program with these keys."""
    (problem,) = compiled(below(keys)).problems
    return problem


@pytest.mark.parametrize(
    ("keys", "told", "cure"),
    [
        ("restart: {policy: no}", "YAML reads a bare `no` as false.", "policy: never"),
        ("restart: {policy: on}", "YAML reads a bare `on` as true.", "policy: always"),
        ("start: {settle: 1:30}", "YAML reads 1:30 as the number 90.", "settle: 90s"),
        ("umask: 010", "YAML reads 010 as the number 8.", 'umask: "010"'),
        ("umask: 0x1F", "YAML reads 0x1F as the number 31.", 'umask: "027"'),
        (
            "restart: {give_up: {failures: 010}}",
            "YAML reads 010 as the number 8.",
            "failures: 8",
        ),
        ("command: [gw, 1_000]", "YAML reads 1_000 as the number 1000.", '- "1_000"'),
        ("command: [gw, 2026-01-01]", "YAML reads 2026-01-01 as a date.", '- "2026-01-01"'),
        ("command: [gw, 12:30:45]", "YAML reads 12:30:45 as the number 45045.", '- "12:30:45"'),
        ("command: [gw, yes]", "YAML reads a bare `yes` as true.", '- "yes"'),
    ],
)
def test_a_trap_is_named_and_its_cure_shown(keys: str, told: str, cure: str) -> None:
    """Nobody finds these by looking at the line."""
    problem = only(keys)

    assert problem.note == told
    assert problem.write == cure


def test_a_home_folder_without_quotes_is_nothing() -> None:
    """A bare ~ is null in YAML."""
    assert message("directory: ~") == "directory: got nothing, want a path"
    assert only("directory: ~").note is not None


def test_a_bare_number_is_no_time() -> None:
    """Seconds or milliseconds: the file says which."""
    want = "want a time with its unit, such as 30s (ms, s, m, h or d)"
    assert message("stop: {drain_timeout: 30}") == f"stop.drain_timeout: got 30, {want}"


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("30", "30s"),
        ("1.5", "1500ms"),
        ("30 s", "30s"),
        ("90sec", "90s"),
        ("5 minutes", "5m"),
        ("1h30m", "90m"),
        ("2 Hours", "2h"),
        ("500msec", "500ms"),
        ("'30'", "30s"),
    ],
)
def test_a_time_in_another_spelling_is_put_right(text: str, cure: str) -> None:
    """What is meant is clear; what to write is told."""
    assert write(f"stop: {{drain_timeout: {text}}}") == f"drain_timeout: {cure}"


@pytest.mark.parametrize("text", ["soon", "-5s", "1y", "'1e3s'", "[]", "10000d", "'30s '"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """Nothing else passes for a time."""
    assert "want a time with its unit" in message(f"stop: {{drain_timeout: {text}}}")


def test_the_same_key_twice_is_an_error() -> None:
    """PyYAML silently keeps the last."""
    text = "programs:\n  a: {command: x}\n  b: {command: x}\n  a: {command: y}\n"

    assert messages(text) == ["4:3: programs.a: the same key twice, first at line 2"]


def test_a_word_that_yaml_reads_as_false_is_no_key() -> None:
    """`no:` is not the program no."""
    (problem,) = compiled("programs:\n  no: {command: x}\n").problems

    assert str(problem) == "s.yaml:2:3: programs.no: got false as a key, want a word"
    assert problem.write == '"no":'


def test_a_number_may_be_the_name_of_a_program() -> None:
    """8700: is as clear as "8700":."""
    assert not compiled("programs:\n  8700: {command: x}\n").problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n\tb: c\n", "2:1: this is not YAML: found character that cannot start any token"),
        ("? {a: b}\n: c\n", "1:3: got a mapping or a list as a key, want a word"),
        ("? [a]\n: c\n", "1:3: got a mapping or a list as a key, want a word"),
        ("a: &x b\n*x : c\n", "2:1: got an alias as a key, want a word"),
        ("a: *x\n", "1:4: a: got *x, but nothing above is marked &x"),
        ("a: &x [*x]\n", "1:8: a: got *x inside of &x, want an end"),
        ("a: !!python/object:os.system x\n", "1:4: a: got the tag !!python/object:os.system"),
        ("programs: {}\n---\nprograms: {}\n", "2:1: got a second document, want one"),
        ("<<: 3\nprograms: {}\n", "1:5: `<<` wants a mapping, or a list of mappings"),
        ("a: [\n", "this is not YAML: did not find expected node content"),
        ('a: "x\n', "this is not YAML: found unexpected end of stream"),
        ("a: b: c\n", "1:5: this is not YAML: mapping values are not allowed in this context"),
    ],
)
def test_what_is_no_good_yaml_is_reported_where_it_stands(text: str, told: str) -> None:
    """One sentence, one place, no traceback."""
    assert any(told in each for each in messages(text)), messages(text)


def test_a_tab_is_called_a_tab() -> None:
    """It cannot be seen."""
    (problem,) = compiled("programs:\n\ta: {command: x}\n").problems

    assert problem.note == "This is a tab; YAML wants spaces to indent."


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "an empty file"), ("# nothing\n", "an empty file"), ("- a\n", "a list"), ("x\n", '"x"')],
)
def test_a_file_that_is_no_mapping_is_reported_at_its_first_sign(text: str, what: str) -> None:
    """There is no better place."""
    assert messages(text) == [f"1:1: got {what}, want a mapping with the key programs"]


def test_a_bomb_of_aliases_is_bounded() -> None:
    """Nine lines that would be a billion values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for new, old in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]")

    assert "more than 500,000 values" in messages("\n".join(lines))[0]


def test_deep_nesting_is_bounded() -> None:
    """The C loader of YAML would use up the stack."""
    assert "nested more than 40 levels deep" in messages("[" * 100_000)[0]
    assert "nested more than 40 levels deep" in messages("- " * 100_000)[0]


def test_a_number_that_never_ends_costs_no_time() -> None:
    """Its value would take minutes to work out."""
    assert messages(f"programs: {{a: {{command: x, umask: {'1:1' * 100_000}}}}}")
    assert messages(f"programs: {{a: {{command: x, umask: {'1' * 100_000}}}}}")


def test_anchors_and_merge_keys_work() -> None:
    """They are how people share parts of a file."""
    text = """
        programs:
          a: &base
            command: [gw]
            stop: &slow {drain_timeout: 9s}
          b: {<<: *base, command: [other]}
          c: {command: [third], stop: {<<: [*slow, {linger: 1s}], linger: 2s}}
        """
    result = compiled(text)

    assert result.plan is not None
    first, second, third = result.plan.programs
    assert (second.launch.argv, second.stop) == (("other",), first.stop)
    assert (third.stop.drain_timeout, third.stop.linger) == (9.0, 2.0)


def test_a_problem_in_a_merged_part_is_reported_where_it_stands() -> None:
    """The line to mend is the one of the anchor."""
    text = "programs:\n  a: &base\n    command: x\n    umask: 8\n  b: {<<: *base}\n"

    assert messages(text)[0].startswith("4:12: programs.a.umask: got 8")


def test_words_in_quotes_are_words() -> None:
    """Quotes are the cure, so they must work."""
    assert program('command: [gw, "no", "010", "1:30", "~"]').launch.argv[1:] == (
        "no",
        "010",
        "1:30",
        "~",
    )


@pytest.mark.parametrize(
    "text", ['a: "\\ud800"', 'a: "\\U00110000"', "a: [", "a: \x00", "[" * 5000]
)
def test_a_host_without_libyaml_reads_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader in Python takes more, and raises other errors."""
    monkeypatch.setattr(tree, "_LOADER", yaml.SafeLoader)

    assert messages(text)


def test_the_loader_of_libyaml_is_used_where_there_is_one() -> None:
    """It is ten times as fast."""
    assert not yaml.__with_libyaml__ or tree._LOADER is yaml.CSafeLoader
