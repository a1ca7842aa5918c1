"""
Text becomes a plan here: YAML, every problem at once, defaults, instances, resolved values.

Only the short-lived compile step imports this room; yaml and pydantic go no further.
"""

from __future__ import annotations


def schema_document() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of the configuration file."""
    # Imported here, so that importing the package does not pay for pydantic.
    from hermes_supervise.config.schema import schema_document as generate  # noqa: PLC0415

    return generate()
