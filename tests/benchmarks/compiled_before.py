"""
``compiled_before.py PLAN ARGUMENT…``: hermes-supervise with a compiler that has nothing to do.

Everything is as in a real start, the fork of the compiler too, but the forked child hands over a
plan that was compiled before.  So a start can be measured without the time of the compile step,
instead of being reckoned from two figures that overlap.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])

from hermes_supervise import run  # noqa: E402  # the path is known only now
from hermes_supervise.cli.main import main  # noqa: E402

READY = sys.argv[1]


def hand_over(config: str, plan_writer: int) -> None:
    """Write the plan to the waiting supervisor and end, as the compiler does."""
    rest = memoryview(Path(READY).read_bytes())
    while rest:
        rest = rest[os.write(plan_writer, rest) :]
    os._exit(0)


if __name__ == "__main__":
    run._compile = hand_over
    sys.exit(main(sys.argv[2:]))
