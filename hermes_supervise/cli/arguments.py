"""
The words of the command line: one parser for each verb, built only when that verb is asked.

The reference page is generated from these parsers, so a help text here is documentation.
"""

from __future__ import annotations

import argparse

from hermes_supervise.cli.duration import parse_duration
from hermes_supervise.cli.usage import Options, UsageError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

PROGRAM = "hermes-supervise"

COMMANDS: dict[str, str] = {
    "check": "say whether a configuration file is right, with every problem at once",
    "schema": "print the JSON Schema of the configuration file",
    "ctl": "ask or tell a running supervisor",
}

LATER = frozenset({"doctor", "service"})
"""Commands of the contract that a later version brings."""

VERBS: dict[str, str] = {
    "status": "show the programs",
    "start": "want programs up, and wait until they are",
    "stop": "want programs down: drain them, and wait until they are gone",
    "restart": "drain programs and start them again",
    "reload": "read the configuration file again and apply what changed",
    "logs": "show the output of programs",
    "events": "show what happened",
    "signal": "send a signal to the main process of programs",
    "shutdown": "stop the supervisor, and drain or leave the programs",
}

LATER_VERBS = frozenset({"why", "drain", "undrain", "upgrade"})
"""Verbs of the contract that a later version brings."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises its mistakes as one clear sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found, with a hint where an option is nearly right."""
        strangers = message.removeprefix("unrecognized arguments: ")
        if strangers != message:
            known = [option for action in self._actions for option in action.option_strings]
            word = strangers.split()[0]
            message = f"no such option: {word}{_hint(word, known)}"
        raise UsageError(f"{self.prog}: {message}; usage: {_one_line(self.format_usage())}")


def foreground_parser() -> Parser:
    """Return the parser of ``hermes-supervise -c FILE``."""
    parser = _parser("", "-c FILE [-v | -q] [--log-format text|json] [--managed]")
    parser.description = "Run the supervisor of FILE in the foreground."
    parser.add_argument("-c", "--config", metavar="FILE", help="the configuration file")
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-v", "--verbose", action="store_true", help="log more")
    loud.add_argument("-q", "--quiet", action="store_true", help="log only what went wrong")
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="how the own log is written"
    )
    parser.add_argument(
        "--managed",
        action="store_true",
        help="a service manager starts us again when the keeper dies (found out under systemd)",
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    return parser


def command_parser(command: str) -> Parser:
    """Return the parser of ``check`` or ``schema``."""
    if command == "check":
        parser = _parser("check", "FILE")
        parser.add_argument("file", metavar="FILE", help="the configuration file")
    else:
        parser = _parser("schema", "")
    parser.description = _sentence(COMMANDS[command])
    return parser


def place_parser() -> Parser:
    """Return the parser of what stands between ``ctl`` and the verb."""
    parser = _parser("ctl", "[-c FILE | --socket ADDR] VERB ...")
    parser.description = _sentence(COMMANDS["ctl"])
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="the supervisor of this configuration file (only its address file is read)",
    )
    where.add_argument("--socket", metavar="ADDR", help="the supervisor that listens here: a path")
    parser.add_argument("--token-file", metavar="FILE", help="for tcp addresses: not yet")
    return parser


def verb_parser(verb: str) -> Parser:
    """Return the parser of one verb of ``ctl``."""
    usage, build = _VERB_PARSERS[verb]
    parser = _parser(f"ctl {verb}", usage)
    parser.description = _sentence(VERBS[verb])
    build(parser)
    return parser


def parse(parser: Parser, words: Sequence[str]) -> Options:
    """
    Return what *words* say; options may stand between names.

    Raises:
        UsageError: They cannot be understood.
    """
    options = Options()
    try:
        parser.parse_intermixed_args(words, options)
    except argparse.ArgumentError as problem:
        parser.error(str(problem))
    return options


def _status(parser: Parser) -> None:
    _names(parser, "*")
    _flag(parser, "--json", "the contract document, for machines")
    _flag(parser, "--watch", "draw again on every change until q or Ctrl-C")
    _flag(parser, "--stats", "add CPU and memory of each program and its descendants")
    _flag(parser, "--check", "exit 1 unless every named program is as wanted")
    _flag(parser, "--deep", "not yet")


def _start(parser: Parser) -> None:
    _names(parser, "+")
    _waiting(parser)
    _flag(parser, "--take-over", "not yet")


def _stop(parser: Parser) -> None:
    _names(parser, "+")
    _flag(parser, "--force", "do not drain: kill the whole tree now")
    parser.add_argument(
        "--drain-timeout", type=_duration, metavar="D", help="drain for at most D, this once"
    )
    _waiting(parser)


def _restart(parser: Parser) -> None:
    _names(parser, "+")
    _flag(parser, "--force", "do not drain: kill the whole tree now")
    parser.add_argument(
        "--max-parallel",
        type=_count,
        metavar="N",
        help="N at a time: the next batch starts when the last is ready, a failure stops it",
    )
    _waiting(parser)


def _reload(parser: Parser) -> None:
    _flag(parser, "--plan", "say what would change and why, and change nothing")
    _flag(parser, "--allow-empty", "accept a for_each glob that suddenly matches nothing")


def _logs(parser: Parser) -> None:
    _names(parser, "+")
    _flag(parser, "-f", "go on as the output grows, across rotation", "--follow")
    _lines(parser, 20)


def _events(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="only of this program")
    _flag(parser, "-f", "go on as things happen", "--follow")
    _lines(parser, 50)
    _flag(parser, "--json", "one JSON object a line")


def _signal(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="a program, a group or a glob")
    parser.add_argument("signal", metavar="SIG", help="HUP, SIGHUP or 1")


def _shutdown(parser: Parser) -> None:
    _flag(parser, "--leave", "leave the programs running; the next supervisor adopts them")


_VERB_PARSERS: dict[str, tuple[str, Callable[[Parser], None]]] = {
    "status": ("[NAME...] [--json] [--watch] [--stats] [--check]", _status),
    "start": ("NAME...|all [--no-wait] [--timeout D]", _start),
    "stop": ("NAME...|all [--force] [--drain-timeout D] [--no-wait] [--timeout D]", _stop),
    "restart": ("NAME...|all [--max-parallel N] [--force] [--no-wait] [--timeout D]", _restart),
    "reload": ("[--plan] [--allow-empty]", _reload),
    "logs": ("NAME... [-f] [-n N]", _logs),
    "events": ("[NAME] [-f] [-n N] [--json]", _events),
    "signal": ("NAME SIG", _signal),
    "shutdown": ("[--leave]", _shutdown),
}


def _parser(command: str, usage: str) -> Parser:
    prog = f"{PROGRAM} {command}".rstrip()
    # Usage is written by hand: what argparse makes of it differs from one Python to the next.
    return Parser(prog=prog, usage=f"{prog} {usage}".rstrip(), allow_abbrev=False)


def _names(parser: Parser, count: str) -> None:
    parser.add_argument(
        "names", nargs=count, metavar="NAME", help="a program, a for_each group, a glob, or all"
    )


def _flag(parser: Parser, name: str, text: str, *more: str) -> None:
    parser.add_argument(name, *more, action="store_true", help=text)


def _lines(parser: Parser, default: int) -> None:
    parser.add_argument(
        "-n",
        "--lines",
        type=_count_or_none,
        default=default,
        metavar="N",
        help=f"the last N of them ({default} unless told otherwise)",
    )


def _waiting(parser: Parser) -> None:
    _flag(parser, "--no-wait", "return when the request is durable")
    parser.add_argument(
        "--timeout", type=_duration, metavar="D", help="wait for at most D; the request stays"
    )


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _count_or_none(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text}, want a number such as 20")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, want a number of at least 1")
    return int(text)


def _hint(word: str, known: list[str]) -> str:
    if word in ("-c", "--config", "--socket"):
        return f"; it stands before the verb: {PROGRAM} ctl {word} ... VERB"
    return nearest(word, known)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _one_line(usage: str) -> str:
    return " ".join(usage.removeprefix("usage: ").split())
