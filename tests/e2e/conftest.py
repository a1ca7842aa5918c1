"""The rig for every end-to-end test."""

from __future__ import annotations

from tests.e2e.harness import rig

__all__ = ["rig"]
