"""What is written about the configuration is made from what loads it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from hermes_supervise.config import schema_document
from hermes_supervise.config.compile import compile_file
from hermes_supervise.config.document import reference_page, schema_text
from hermes_supervise.plan import environment
from tests.unit.config.given import compiled

ROOT = Path(__file__).parents[3]


def test_the_reference_page_is_up_to_date() -> None:
    """`python -m hermes_supervise.config.document > docs/reference/config.md` makes it."""
    assert (ROOT / "docs/reference/config.md").read_text(encoding="utf-8") == reference_page()


def test_the_published_schema_is_up_to_date() -> None:
    """The same command with `--schema` makes it."""
    published = (ROOT / "docs/reference/config.schema.json").read_text(encoding="utf-8")

    # The order of keys is pydantic's and may change with its releases.
    assert json.loads(published) == json.loads(schema_text())


def test_the_examples_of_the_reference_page_are_right() -> None:
    """Somebody will copy them."""
    examples = re.findall(r"```yaml\n(.*?)```", reference_page(), re.DOTALL)

    assert examples
    assert [compiled(example).problems for example in examples] == [()] * len(examples)


def test_the_example_file_is_right_and_supervises_two_gateways() -> None:
    """It is the first file that anybody sees."""
    result = compile_file(str(ROOT / "supervisor.yaml.example"), os.environ)

    assert result.problems == ()
    assert result.plan is not None
    assert [each.name for each in result.plan.programs] == ["chat", "queue"]
    formats = [each.launch.marker.format for each in result.plan.programs if each.launch.marker]
    assert formats == ["hermes", "touch"]


def test_the_example_file_fits_the_schema() -> None:
    """Editors must not underline it."""
    text = (ROOT / "supervisor.yaml.example").read_text(encoding="utf-8")

    jsonschema.Draft202012Validator(schema_document()).validate(yaml.safe_load(text))


@pytest.mark.parametrize("name", environment.SHORT_LIST)
def test_the_page_names_what_is_inherited_in_any_case(name: str) -> None:
    """The short list is a promise."""
    assert name in reference_page()


def test_the_schema_is_json() -> None:
    """Every default in it can be written."""
    assert json.loads(schema_text()) == schema_document()
