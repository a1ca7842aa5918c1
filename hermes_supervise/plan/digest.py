"""The revision of a program: a digest of everything that needs a restart to change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from hermes_supervise.model.spec import Launch


def revision(launch: Launch) -> str:
    """Return 16 hex digits of SHA-256 over the canonical JSON of *launch*."""
    canonical = json.dumps(asdict(launch), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]
