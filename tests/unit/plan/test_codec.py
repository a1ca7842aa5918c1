"""The compiled plan as text."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from hermes_supervise.model.errors import HermesSuperviseError, PlanError
from hermes_supervise.model.spec import PLAN_FORMAT, FileProbe, Plan, Settings, Stop
from hermes_supervise.plan.codec import decode, encode
from tests.unit.plan.given import FULL, PLAN, program


def test_a_plan_comes_back_exactly() -> None:
    """Tuples, numbers and absent values included: revisions are compared with it."""
    assert decode(encode(PLAN)) == PLAN


def test_a_plan_without_programs_comes_back() -> None:
    """A supervisor may have nothing to do."""
    settings = Settings(state_dir="/s", socket="/c", address_file="/a", socket_gid=7)
    plan = Plan(config="/f", settings=settings, programs=())

    assert decode(encode(plan)) == plan


def test_a_name_that_is_no_text_comes_back() -> None:
    """File names are bytes; Python writes those that are no text as lone surrogates."""
    plan = replace(PLAN, config="/tmp/\udcff")

    assert decode(encode(plan)) == plan
    assert encode(plan).isascii()


def test_equal_parts_are_written_once_and_shared() -> None:
    """A thousand programs of one template take the memory of one."""
    programs = tuple(program(f"p{number}") for number in range(50))

    made = decode(encode(replace(PLAN, programs=programs))).programs

    assert len({id(each.stop) for each in made}) == 1
    assert len({id(each.restart) for each in made}) == 1
    assert len({id(each.launch.environment) for each in made}) == 1


def test_parts_that_differ_are_not_shared() -> None:
    """Not even when they were equal objects once."""
    first = program("a", stop=Stop(drained=FileProbe(path="/a")))
    second = program("b", stop=Stop(drained=FileProbe(path="/b")))
    plan = replace(PLAN, programs=(first, second))

    assert decode(encode(plan)) == plan


def test_a_short_lived_equal_part_is_not_taken_for_another() -> None:
    """Identities are used again once an object is gone."""
    programs = tuple(
        program(f"p{number}", stop=Stop(drain_timeout=float(number % 7))) for number in range(200)
    )
    plan = replace(PLAN, programs=programs)

    assert decode(encode(plan)) == plan


@pytest.mark.parametrize("number", [PLAN_FORMAT + 1, 0, None, "1", True, 1.5])
def test_another_format_is_refused(number: object) -> None:
    """A new supervisor may find a plan of the old one, and the other way round."""
    head, *lines = encode(PLAN).split("\n")
    changed = json.dumps({**json.loads(head), "format": number})

    with pytest.raises(PlanError, match="has format"):
        decode("\n".join([changed, *lines]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        '{"format": 1}',
        '{"format": 1, "config": "x", "settings": [], "programs": []}',
        "[" * 100_000,
        encode(PLAN)[:-10],
        encode(PLAN).rsplit("\n", 1)[0],
        encode(PLAN) + "\n" + encode(PLAN).rsplit("\n", 1)[1],
        encode(PLAN) + "\n" + "[" * 100_000,
        encode(FULL).replace('"stop":0', '"stop":99'),
        encode(FULL).replace('"stop":0', '"stop":null'),
        encode(FULL).replace('"kind":"file"', '"kind":"nothing"'),
        encode(FULL).replace('"umask"', '"unmask"'),
        encode(FULL).replace('"environments":[', '"environments":[[],'),
    ],
)
def test_damaged_text_is_refused(text: str) -> None:
    """With our own error: the old plan stays in force."""
    with pytest.raises(HermesSuperviseError):
        decode(text)


def test_the_plan_room_imports_neither_yaml_nor_pydantic() -> None:
    """The long-running supervisor stays small."""
    rooms = ["codec", "difference", "digest", "durations", "environment", "places"]
    script = (
        "import sys\n"
        + "".join(f"import hermes_supervise.plan.{room}\n" for room in rooms)
        + "print(sorted({'yaml', 'pydantic', 'rich', 'psutil', 'asyncio'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert result.stdout == "[]\n"
