"""``ctl signal``: one signal to the main process of programs, nothing else."""

from __future__ import annotations

import sys

from hermes_supervise.cli.usage import DONE, NOT_AS_ASKED
from hermes_supervise.control.client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hermes_supervise.cli.usage import Options


def run(options: Options) -> int:
    """Send it and say for each program what happened."""
    options.names = [options.name]
    result = call(options.address, "signal", {"names": options.names, "signal": options.signal})
    for name in result["sent"]:
        print(f"{name}: sent {options.signal}")
    sys.stdout.flush()
    for name, why in result["failed"].items():
        print(f"{name}: {why}", file=sys.stderr)
    return NOT_AS_ASKED if result["failed"] else DONE
