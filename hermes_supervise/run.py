"""
``hermes-supervise -c FILE``: from the command line to a running keeper.

This process compiles the configuration in a forked child and becomes the keeper itself, so the
pid that a shell or a service manager sees is the keeper's.  Keeper and supervisor start while the
file compiles; nothing of the compiler, yaml or pydantic stays in memory.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
from typing import Protocol

from hermes_supervise.backends import host


class Options(Protocol):
    """What the command line says."""

    config: str
    verbosity: int
    log_format: str
    managed: bool


def main(options: Options) -> int:
    """
    Become the keeper; returns only when that is not possible.

    Returns:
        2 where there is no fork (Windows), 1 where the keeper cannot be run.
    """
    if not hasattr(os, "fork"):
        sys.stderr.write("hermes-supervise: not yet: running on this system\n")
        return 2
    _standard_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the compiler's end would be lost
    config = os.path.abspath(options.config)
    plan_reader, plan_writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    compiler = os.fork()
    if compiler == 0:
        os.close(plan_reader)
        _compile(config, plan_writer)
    os.close(plan_writer)
    _exec_keeper(
        {
            "config": config,
            "verbosity": options.verbosity,
            "log_format": options.log_format,
            "managed": bool(options.managed),
            "sys_path": [path for path in sys.path if path],
            "plan_fd": plan_reader,
            "compiler": compiler,
        }
    )
    return 1


def _standard_streams() -> None:
    """A stream that was closed becomes /dev/null, or the next file opened would be taken for it."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
            os.set_inheritable(fd, True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _compile(config: str, plan_writer: int) -> None:
    """Compile in the forked child; never returns."""
    code = 1
    try:
        from hermes_supervise.config.command import compile_to  # noqa: PLC0415  # heavy

        code = compile_to(config, os.environ, plan_writer, sys.stderr)
        sys.stderr.flush()
    except BrokenPipeError:  # whoever wanted the plan is gone
        pass
    except Exception as problem:  # a mistake of ours, not of the file
        text = f"hermes-supervise: the configuration could not be compiled: {problem!r}\n"
        os.write(2, text.encode(errors="replace"))
    finally:
        os._exit(code)


def _exec_keeper(options: dict[str, object]) -> None:
    host.become_subreaper()
    reader, writer = os.pipe()
    os.write(writer, marshal.dumps(options, 2))
    os.close(writer)
    for fd in (reader, int(str(options["plan_fd"]))):
        os.set_inheritable(fd, True)
    boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot.py")
    argv = [sys.executable, "-I", "-S", boot, "keeper", str(reader), "-c", str(options["config"])]
    try:
        os.execv(sys.executable, argv)
    except OSError as problem:  # an upgrade took it away, or this user may not run it again
        why = (problem.strerror or str(problem)).lower()
        sys.stderr.write(f"hermes-supervise: cannot run {sys.executable}: {why}\n")
