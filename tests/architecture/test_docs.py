"""What the pages say can be done, can be done; what they point at is there."""

from __future__ import annotations

import ast
import io
import os
import re
from pathlib import Path

import pytest

import hermes_supervise
from hermes_supervise.cli import arguments
from hermes_supervise.config import command as configuration
from tests.architecture.places import PACKAGE, ROOT, commands_of_readme, files

PAGES = [path for path in files(".md") if path.parent.name != "programs"]
DOCS = ROOT / "docs"


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A dead link is a promise that nobody kept."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    inside = [target for target in targets if "://" not in target]

    assert [target for target in inside if not (page.parent / target).exists()] == []


def test_every_page_can_be_found() -> None:
    """From docs/index.md, or from the list of decisions, which it names."""
    found = set()
    for index in (DOCS / "index.md", DOCS / "adr" / "README.md"):
        links = re.findall(r"\]\(([^)#]+)", index.read_text())
        found |= {(index.parent / link).resolve() for link in links} | {index}

    assert {page for page in PAGES if DOCS in page.parents} - found == set()


def test_the_readme_has_two_commands() -> None:
    """One runs the example, one runs the tests; both make their own environment."""
    commands = commands_of_readme()

    assert set(commands) == {"run", "test"}
    assert commands["run"].endswith("hermes-supervise -c supervisor.yaml.example")
    assert commands["test"].endswith("python -m pytest")
    assert all(line.startswith("python3 -m venv ") for line in commands.values())


def test_ci_runs_the_command_of_the_readme() -> None:
    """It takes the line from there, so that the two cannot differ."""
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert "test_command=$(command_of_readme test)" in script.read_text()
    assert "pytest" not in re.sub(r"#.*", "", script.read_text())


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_pages_use_commands_that_exist(page: Path) -> None:
    """Also in running text: a reader copies from there too."""
    text = re.sub(r"hermes-supervise/", "", page.read_text())
    verbs = re.findall(r"hermes-supervise ctl(?: -c \S+)? ([a-z]+)\b", text)
    verbs += re.findall(r"`ctl ([a-z]+)", text)
    commands = re.findall(r"(?:^\$ |`|/bin/)hermes-supervise ([a-z]+)\b", text, flags=re.MULTILINE)

    assert set(verbs) - set(arguments.VERBS) - arguments.LATER_VERBS == set()
    assert set(commands) - set(arguments.COMMANDS) - arguments.LATER == set()


def examples() -> list[tuple[str, str]]:
    """Return the whole configuration files that pages show, and the one at the root."""
    found = [("supervisor.yaml.example", (ROOT / "supervisor.yaml.example").read_text())]
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)):
            if re.search(r"^programs:", block, re.MULTILINE):
                found.append((f"{label(page)}-{number}", block))
    return found


@pytest.mark.parametrize(("name", "text"), examples(), ids=[name for name, _ in examples()])
def test_every_configuration_that_is_shown_is_right(name: str, text: str, tmp_path: Path) -> None:
    """An example that does not compile teaches a mistake."""
    file = tmp_path / "supervisor.yaml"
    file.write_text(text)
    told, complained = io.StringIO(), io.StringIO()

    code = configuration.check(str(file), dict(os.environ), told, complained)

    assert code == 0, complained.getvalue()


def test_the_walk_of_a_stop_goes_through_code_that_exists() -> None:
    """A renamed function takes the page along, or the page leads astray."""
    text = (DOCS / "ARCHITECTURE.md").read_text()
    steps = re.findall(r"^\| `(\w+/?\w+\.py)` \| `([\w.]+)` \|", text, re.MULTILINE)

    assert len(steps) > 15
    for place, name in steps:
        assert name in names_in(PACKAGE / place), f"{place} has no {name}"


def names_in(path: Path) -> set[str]:
    """Return the functions, methods and constants of a module."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            names |= {f"{node.name}.{method.name}" for method in methods}
        if isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names


def test_the_changelog_knows_this_version() -> None:
    """And has a place for what comes next."""
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert hermes_supervise.__version__ in headings


PRIVATE = re.compile(rf"/root/\w|/home/(?!op/|op\b)\w+|{re.escape(str(ROOT))}/")


@pytest.mark.parametrize("path", list(files()), ids=label)
def test_no_file_names_a_place_of_one_machine(path: Path) -> None:
    """What works here only works here. (``/home/op`` is nobody's.)"""
    if path == Path(__file__):
        return
    text = path.read_bytes().decode(errors="replace")

    assert PRIVATE.findall(text) == []
