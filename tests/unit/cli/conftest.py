"""A fake supervisor, and the command line run in this process against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hermes_supervise.cli.main import main
from tests.fakes.fake_server import FakeServer, row


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command line answered."""

    code: int
    out: str
    err: str


Ctl = Callable[..., Said]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests decides what is drawn or asked."""
    for name in ("NO_COLOR", "COLUMNS", "LINES", "HERMES_SUPERVISE_SOCKET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A supervisor with two programs."""
    with FakeServer(rows=[row("chat"), row("mailer", pid=4212)]) as fake:
        yield fake


@pytest.fixture
def ctl(server: FakeServer, capfd: pytest.CaptureFixture[str]) -> Ctl:
    """``ctl`` as the operator types it, asking *server*."""

    def typed(*words: str) -> Said:
        code = main(["ctl", "--socket", server.path, *words])
        out, err = capfd.readouterr()
        return Said(code=code, out=out, err=err)

    return typed
