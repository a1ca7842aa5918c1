"""No text at all makes the compile step raise: a hostile file gets problems, never a traceback."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_supervise.config.compile import Compiled, compile_file, compile_source
from hermes_supervise.config.problems import render
from hermes_supervise.config.source import Source
from hermes_supervise.config.surroundings import surroundings
from hermes_supervise.plan import places
from hermes_supervise.plan.codec import decode, encode

ENVIRON = {"HOME": "/home/op", "PATH": "/bin", "TOKEN": "s3cret-value", "EMPTY": ""}

WHOLE = """\
supervisor: {state_dir: state, socket: s.sock, on_exit: leave, shutdown_timeout: 20m, cgroups: off}
defaults: &base
  stop: {drain_timeout: 20s, force: {tree: true, interval: 2s}}
  restart: {policy: on-failure, backoff: {first: 1s, factor: 1.5, limit: 1m, jitter: 0.2}}
programs:
  chat:
    command: [gw, --port, 8700, "${HOME}/x", '$$', "{a}"]
    directory: ~/srv
    environment: {A: "1", TOKEN_FILE: "${TOKEN:-none}", HTTP: 8}
    umask: "027"
    autostart: always
    start: {timeout: 1m, settle: 500ms}
    stop:
      marker: {path: stop.json, format: hermes, target: {pid_file: gw.pid}}
      signal: SIGINT
      drained: {file: {path: gw.pid, json: {state: running, pid: "{pid}", ok: no}, max_age: 3s}}
      linger: 0s
    restart: {success_exit_codes: [0, 3], give_up: none, fatal_retry_after: none}
    owner: {pid_file: gw.pid}
    logs: {mode: file, path: a.log, stderr: b.log}
  many:
    <<: *base
    command: gw --profile {p}
    for_each: {p: [a, B c, 3]}
    stop: {drained: {unlocked: {path: "{p}.lock"}}}
  found: {command: x, for_each: {p: {glob: /*/nothing-is-called-so}}, ready: none}
  port: {command: y, stop: {drained: {tcp: {port: 80, host: "::1", open: false}}}}
"""


def compiled(text: str) -> Compiled:
    """Compile a text, as the user with uid 1000."""
    where = surroundings("/srv/app/supervisor.yaml", ENVIRON, 1000, places.XDG)
    return compile_source(Source("supervisor.yaml", text), where)


def consistent(result: Compiled) -> bool:
    """Return whether the result is a plan or problems, and both can be written."""
    text = render(result.problems)
    text.encode()
    if result.plan is None:
        lines = [problem.line >= 1 and problem.column >= 1 for problem in result.problems]
        return bool(result.problems) and all(lines)
    return not result.problems and decode(encode(result.plan)) == result.plan


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_problems(text: str) -> None:
    """Whatever an editor saves, the user gets an answer."""
    assert consistent(compiled(text))


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,? \n\t<=~$1.0xéo", max_size=120))
def test_any_text_of_yaml_signs_is_a_plan_or_problems(text: str) -> None:
    """Text made of what YAML gives a meaning reaches deeper than any text."""
    assert consistent(compiled(text))


@given(st.text(alphabet="ab:-[]{}&*!|'\", \n$1.0xo", max_size=80))
def test_any_text_below_programs_is_a_plan_or_problems(text: str) -> None:
    """The same where a program is expected."""
    indented = "\n".join(f"    {line}" for line in text.split("\n"))

    assert consistent(compiled(f"programs:\n  a:\n{indented}\n"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_plan_or_problems(raw: bytes) -> None:
    """A file is bytes before it is text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "supervisor.yaml"
        file.write_bytes(raw)

        assert consistent(compile_file(str(file), ENVIRON, uid=1000))


def test_the_whole_example_of_this_file_is_right() -> None:
    """The mutations below start from a file with every key."""
    assert not compiled(WHOLE).problems


def mutated(seed: int) -> str:
    """Return ``WHOLE`` with a few characters, words or lines changed."""
    dice = random.Random(seed)
    text = WHOLE
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(text) + 1)
        way = dice.randrange(6)
        if way == 0:
            text = text[:at] + text[at + dice.randint(1, 8) :]
        elif way == 1:
            text = text[:at] + dice.choice("[]{}:,&*!|>-#'\"%@`\n\t\0\x85é~$ 0") + text[at:]
        elif way == 2:
            lines = text.split("\n")
            lines.insert(dice.randrange(len(lines)), dice.choice(lines))
            text = "\n".join(lines)
        elif way == 3:
            lines = text.split("\n")
            del lines[dice.randrange(len(lines))]
            text = "\n".join(lines) or "x"
        else:
            words = WHOLE.replace(":", " ").replace(",", " ").split()
            odd = [
                "no",
                "010",
                "1:30",
                "~",
                "{}",
                "[]",
                "null",
                "-1",
                "1e9",
                ".nan",
                "2024-01-01",
                "${NOPE}",
                "{p}",
                "$$",
                "s3",
                "${A:-${B}}",
            ]
            text = text.replace(dice.choice(words), dice.choice(odd + words), dice.randint(1, 3))
    return text


@settings(max_examples=600)
@given(st.integers(0, 2**32))
def test_a_right_file_with_mistakes_is_a_plan_or_problems(seed: int) -> None:
    """A file that is nearly right takes every way through the compile step."""
    assert consistent(compiled(mutated(seed)))


@given(st.integers(0, 2**32))
def test_no_problem_shows_the_value_of_an_environment_variable(seed: int) -> None:
    """Problems are logged and sent to whoever asked for a reload; secrets are not."""
    secret = "hunter2hunter2"  # noqa: S105 - it is the point of the test
    text = mutated(seed).replace('A: "1"', f"A: {secret}, A: {secret}, B: '{secret}', 7: {secret}")

    result = compiled(text)

    inside = [each for each in result.problems if ".environment." in each.key]
    assert secret not in render(inside)
