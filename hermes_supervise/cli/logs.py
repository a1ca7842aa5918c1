"""``ctl logs``: the supervisor says where the output lies, and it is read here."""

from __future__ import annotations

import contextlib
import os
import sys

from hermes_supervise.cli.notices import Notices
from hermes_supervise.cli.tail import Tail
from hermes_supervise.cli.usage import DONE, NOT_AS_ASKED
from hermes_supervise.control.client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.usage import Options


class Source:
    """One file of one program, with what stands before each of its lines."""

    def __init__(self, prefix: bytes, path: str) -> None:
        self.prefix = prefix
        self.tail = Tail(path)
        self._part = b""

    def lines(self, text: bytes, *, whole: bool) -> bytes:
        """
        Return *text* as it is printed.

        With a prefix the last line waits for its end unless *whole*: two programs must not share
        a line.
        """
        if not self.prefix:
            return text
        text = self._part + text
        self._part = b""
        if not whole:
            at = text.rfind(b"\n") + 1
            text, self._part = text[:at], text[at:]
        if not text:
            return b""
        lines = text.removesuffix(b"\n").split(b"\n")
        return b"".join(self.prefix + line + b"\n" for line in lines)


def run(options: Options) -> int:
    """Print the last lines, and go on as they grow with ``-f``, until Ctrl-C."""
    programs = call(options.address, "logs", {"names": options.names})["programs"]
    sources = _sources(programs)
    code = DONE if sources else NOT_AS_ASKED
    for source in sources:
        try:
            _print(source.lines(source.tail.last(options.lines), whole=not options.follow))
        except OSError as problem:
            code = _complain(source, problem)
        if not source.tail.exists and not options.follow:
            _say(f"{source.tail.path}: nothing was written yet")
    if options.follow and sources:
        # Ctrl-C is the usual way to leave.
        with contextlib.suppress(KeyboardInterrupt):
            _follow(sources)
    return code


def _sources(programs: list[dict[str, Any]]) -> list[Source]:
    several = len(programs) > 1
    width = max((len(program["name"]) for program in programs), default=0)
    sources = []
    for program in programs:
        prefix = f"{program['name']:<{width}} | ".encode() if several else b""
        paths = [path for path in (program["path"], program["stderr"]) if path]
        if not paths:
            _say(
                f"{program['name']}: its output is not in a file (logs: {program['mode']}): "
                "it goes where the supervisor's own output goes"
            )
        sources += [Source(prefix, path) for path in dict.fromkeys(paths)]
    return sources


def _follow(sources: list[Source]) -> None:
    notices = Notices()
    try:
        while True:
            for source in sources:
                _watch(notices, source.tail)
                try:
                    _print(source.lines(source.tail.more(), whole=False))
                except OSError as problem:
                    _complain(source, problem)
                    return
            sys.stdout.buffer.flush()
            notices.wait()
    finally:
        notices.close()


def _watch(notices: Notices, tail: Tail) -> None:
    """Watch file and folder before looking: what comes in between wakes us again."""
    notices.watch(os.path.dirname(tail.path) or ".")
    notices.watch(tail.path)


def _print(text: bytes) -> None:
    sys.stdout.buffer.write(text)


def _complain(source: Source, problem: OSError) -> int:
    _say(f"{source.tail.path}: {(problem.strerror or str(problem)).lower()}")
    return NOT_AS_ASKED


def _say(text: str) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr)
