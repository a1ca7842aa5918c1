"""The revision of a program: a digest of everything that needs a restart to change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass

from hermes_supervise.model.spec import Launch


def revision(launch: Launch) -> str:
    """Return 16 hex digits of SHA-256 over the canonical JSON of *launch*."""
    canonical = json.dumps(launch, default=_members, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]


def _members(value: object) -> dict[str, object]:
    # What asdict() does, without its deep copies: a thousand programs are digested at each start.
    if not is_dataclass(value):
        raise TypeError(f"no part of a plan: {type(value).__name__}")
    return {field.name: getattr(value, field.name) for field in fields(value)}
