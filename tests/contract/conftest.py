"""Every backend there is, for every test of the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.benches import Bench, FakeBench, posix_bench, without_pidfd

BACKENDS = {
    "fake": None,
    "posix": (False, "there"),
    "posix, cgroups": (True, "there"),
    "posix, no pidfd_open": (False, "missing"),
    "posix, pidfd_open refused": (False, "refused"),
    "posix, cgroups, no pidfd_open": (True, "missing"),
}


@pytest.fixture(params=BACKENDS)
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """One backend and the world below it."""
    how = BACKENDS[request.param]
    if how is None:
        yield FakeBench()
        return
    grouped, pidfd = how
    without_pidfd(monkeypatch, pidfd)
    with posix_bench(grouped=grouped, pidfd=pidfd) as made:
        yield made
