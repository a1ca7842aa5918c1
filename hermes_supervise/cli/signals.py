"""``ctl signal``: one signal to the main process of programs, nothing else."""

from __future__ import annotations

import signal
import sys

from hermes_supervise.cli.usage import DONE, NOT_AS_ASKED, UsageError
from hermes_supervise.control.client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hermes_supervise.cli.usage import Options


def run(options: Options) -> int:
    """Send it and say for each program what happened."""
    options.names = [options.name]
    name = signal_name(options.signal)
    result = call(options.address, "signal", {"names": options.names, "signal": name})
    for program in result["sent"]:
        print(f"{program}: sent {name}")
    sys.stdout.flush()
    for program, why in result["failed"].items():
        print(f"{program}: {why}", file=sys.stderr)
    return NOT_AS_ASKED if result["failed"] else DONE


def signal_name(text: str) -> str:
    """
    Return the full name of ``HUP``, ``SIGHUP`` or ``1``; names are for the supervisor to know.

    Raises:
        UsageError: There is no signal of that number.
    """
    if text.isdecimal():
        try:
            return signal.Signals(int(text)).name
        except ValueError:
            raise UsageError(f"ctl signal: no such signal: {text}; write HUP or TERM") from None
    name = text.upper()
    return name if name.startswith("SIG") else f"SIG{name}"
