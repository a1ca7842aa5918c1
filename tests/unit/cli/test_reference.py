"""The reference pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from hermes_supervise.cli import ctl, reference, usage
from hermes_supervise.cli.arguments import VERBS
from hermes_supervise.control import protocol

DOCS = Path(__file__).parents[3] / "docs" / "reference"


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    """Write it: python -m hermes_supervise.cli.reference > docs/reference/cli.md."""
    assert (DOCS / "cli.md").read_text() == reference.page()


def test_every_verb_has_a_room_and_a_page() -> None:
    """A verb that is documented and not done, or done and not documented, is a mistake."""
    assert list(ctl.ROOMS) == list(VERBS)


def test_every_method_of_the_protocol_is_documented() -> None:
    """With its parameters, and an example that goes over the wire as it stands."""
    page = (DOCS / "control-protocol.md").read_text()
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.M | re.S))

    assert list(sections) == list(protocol.METHODS)
    for method, params in protocol.METHODS.items():
        assert all(f"`{name}`" in sections[method] for name in params)
        requests = re.findall(r"^-> (.*)$", sections[method], re.M)
        assert [protocol.parse(line.encode())[1] for line in requests] == [method]


def test_every_error_code_of_the_protocol_is_documented() -> None:
    """A client in another language has only this page."""
    page = (DOCS / "control-protocol.md").read_text()
    codes = {name: code for name, code in vars(protocol).items() if name.isupper()}

    for name, code in codes.items():
        if isinstance(code, int) and code < 0:
            assert f"| `{code}` | {name} |" in page


def test_every_exit_code_is_documented() -> None:
    """Scripts are written against that page."""
    page = (DOCS / "exit-codes.md").read_text()
    codes = [code for name, code in vars(usage).items() if name.isupper()]

    assert codes == [0, 1, 2, 3, 4, 5]
    assert all(f"| {code} |" in page for code in codes)
