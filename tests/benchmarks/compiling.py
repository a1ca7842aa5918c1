"""
``python -m tests.benchmarks.compiling FILE PLAN``: compile a file as a start does, and time it.

The plan goes to PLAN, the seconds to standard output.  The clock runs from the first import of
the compiler to the last byte of the plan, in an interpreter that has loaded what the command line
has loaded when it forks the compiler.
"""

from __future__ import annotations

import os
import sys
import time

import hermes_supervise.cli.arguments
import hermes_supervise.cli.main
import hermes_supervise.run  # noqa: F401


def timed(config: str, plan: str) -> float:
    """Return the seconds that the compile step took; exits with its code if there is no plan."""
    fd = os.open(plan, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    began = time.perf_counter()
    from hermes_supervise.config.command import compile_to

    code = compile_to(config, os.environ, fd, sys.stderr)
    took = time.perf_counter() - began
    os.close(fd)
    if code:
        sys.exit(code)
    return took


if __name__ == "__main__":
    print(timed(sys.argv[1], sys.argv[2]))
