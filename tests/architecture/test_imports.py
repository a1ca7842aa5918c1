"""The rooms know each other as agreed, and the long-running processes stay small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGES, ROOMS, STANDARD_LIBRARY_ONLY, imported
from tests.architecture.places import PACKAGE, ROOT, modules, room_of

OWN = "hermes_supervise"
HEAVY = frozenset({"yaml", "pydantic", "rich", "psutil", "asyncio"})
"""What must not be in the memory of a process that runs for months."""


def label(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", modules(), ids=label)
def test_a_room_imports_only_the_rooms_it_may(path: Path) -> None:
    """A new line in the table is a decision; it is never made by an import."""
    room = room_of(path)
    assert room in ROOMS or room == "__init__", f"a new room: give {room} a line in the table"
    allowed = {room, "__version__", *ROOMS.get(room, "").split()}
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith(OWN + ".")}

    assert rooms - allowed == set()


@pytest.mark.parametrize("path", modules(), ids=label)
def test_a_room_imports_only_the_packages_it_may(path: Path) -> None:
    """yaml and pydantic belong to the compile step, rich and psutil to ``ctl``."""
    roots = {name.split(".")[0] for name in imported(path)} - {OWN}
    strangers = roots - set(sys.stdlib_module_names)

    assert strangers - set(PACKAGES.get(room_of(path), "").split()) == set()


def test_every_line_of_the_table_is_about_a_room_that_exists() -> None:
    """A room that is gone takes its line along."""
    assert set(ROOMS) == {room_of(path) for path in modules()} - {"__init__"}


def test_rooms_that_stand_alone_stand_alone() -> None:
    """A keeper that imported the rest could fail with the rest."""
    assert {ROOMS[room] for room in STANDARD_LIBRARY_ONLY & set(ROOMS)} == {""}
    assert STANDARD_LIBRARY_ONLY & set(PACKAGES) == set()


def test_the_page_shows_this_table() -> None:
    """docs/ARCHITECTURE.md is read before the code; it must not be another story."""
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()

    for room, others in ROOMS.items():
        assert f"| `{room}` | {' '.join(others.split()) or 'nothing of ours'} |" in page


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) == "decide"], ids=label)
def test_the_core_cannot_reach_the_world(path: Path) -> None:
    """No clock, no file, no process, no chance: the same question has the same answer."""
    pure = {"__future__", "collections", "dataclasses", "enum", "sys", "typing", "zlib"}
    roots = {name.split(".")[0] for name in imported(path)} - {OWN}

    assert roots - pure == set()


def loaded(code: str) -> set[str]:
    """Run *code* in a bare interpreter of ours; return what it has imported."""
    script = f"import sys; sys.path[:0] = sys.argv[1:]; {code}; import json\n"
    script += "json.dump(sorted(sys.modules), sys.stdout)"
    paths = [str(ROOT), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *paths],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_the_supervisor_stays_small() -> None:
    """It runs for months beside programs that need the memory."""
    assert loaded(f"import {OWN}.supervisor") & HEAVY == set()


def test_the_keeper_knows_nothing_of_the_rest() -> None:
    """Whatever is wrong with the supervisor, the parent of the programs does not have it."""
    found = loaded(f"import {OWN}.keeper.process")

    own = {name for name in found if name.startswith(OWN + ".")}
    assert {name.split(".")[1] for name in own} == {"keeper"}
    assert found & (HEAVY | {"sqlite3"}) == set()


def test_ctl_status_for_machines_starts_without_the_heavy_packages() -> None:
    """A script asks often; most of the time of a command line is its imports."""
    words = ["ctl", "--socket", "/nowhere/at/all", "status", "--json"]
    quiet = "sys.stderr = open('/dev/null', 'w')"
    found = loaded(f"import {OWN}.cli.main as m; {quiet}; m.main({words!r})")

    assert f"{OWN}.cli.status" in found
    assert found & HEAVY == set()


def test_imports_inside_of_functions_count_too(tmp_path: Path) -> None:
    """A lazy import is an import; one for the type checker is none."""
    module = tmp_path / "module.py"
    module.write_text(
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "def f():\n    from hermes_supervise import clock\n    from c.d import e\n"
    )

    assert set(imported(module)) == {"b", "hermes_supervise.clock", "c.d"}
