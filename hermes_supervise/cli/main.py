"""
The console script: finds out which command was asked and hands over.

Nothing but the standard library's lightest modules is imported before the command is known.
"""

from __future__ import annotations

import importlib
import os
import sys

from hermes_supervise.cli.usage import DONE, TIME_RAN_OUT, USAGE, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code; never a traceback for a mistake."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _command(words)
        sys.stdout.flush()
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        _drop_output()
        return DONE
    except KeyboardInterrupt:
        return TIME_RAN_OUT
    except SystemExit as done:  # argparse ends so when it was asked for help
        return int(done.code or 0)
    return code


def _command(words: list[str]) -> int:
    first = words[0] if words else ""
    if first == "ctl":
        return int(_room("ctl").main(words[1:]))
    if first in ("check", "schema"):
        return _configuration(first, words[1:])
    if first and not first.startswith("-"):
        raise UsageError(_no_command(first))
    return _foreground(words)


def _configuration(command: str, words: list[str]) -> int:
    arguments = _room("arguments")
    options = arguments.parse(arguments.command_parser(command), words)
    if command == "check":
        room = importlib.import_module("hermes_supervise.config.command")
        return int(room.check(options.file, os.environ, sys.stdout, sys.stderr))
    json = importlib.import_module("json")
    config = importlib.import_module("hermes_supervise.config")
    print(json.dumps(config.schema_document(), indent=2))
    return DONE


def _foreground(words: list[str]) -> int:
    if words in (["-h"], ["--help"]):
        _help()
        return DONE
    arguments = _room("arguments")
    _catch_misplaced(words, arguments)
    options = arguments.parse(arguments.foreground_parser(), words)
    if options.version:
        print(f"hermes-supervise {importlib.import_module('hermes_supervise').__version__}")
        return DONE
    if options.config is None:
        raise UsageError(_no_file())
    options.verbosity = options.verbose - options.quiet
    return int(importlib.import_module("hermes_supervise.run").main(options))


def _catch_misplaced(words: list[str], arguments: ModuleType) -> None:
    """``-c FILE ctl status`` is a slip with one cure; argparse would only say that it is wrong."""
    for word in arguments.COMMANDS:
        if len(words) > 2 and word in words[2:]:
            place = words.index(word, 2)
            cure = " ".join([word, *words[:place], *words[place + 1 :]])
            raise UsageError(f"{word} comes first: write: hermes-supervise {cure}")


def _no_file() -> str:
    if os.path.exists("supervisor.yaml"):
        return "no configuration file named: write: hermes-supervise -c supervisor.yaml"
    return "no configuration file named: write: hermes-supervise -c FILE (-h says more)"


def _no_command(word: str) -> str:
    arguments = _room("arguments")
    if word in arguments.LATER:
        return f"hermes-supervise {word}: not yet in this version"
    if word in arguments.VERBS:
        return f"no such command: {word}; write: hermes-supervise ctl {word} ..."
    if os.path.isfile(word):
        return f"no such command: {word}; write: hermes-supervise -c {word}"
    usage = importlib.import_module("hermes_supervise.cli.usage")
    return f"no such command: {word}{usage.nearest(word, list(arguments.COMMANDS))}"


def _help() -> None:
    arguments = _room("arguments")
    lines = [arguments.foreground_parser().format_help(), "commands (COMMAND -h says more):"]
    lines += [f"  {command:<10} {text}" for command, text in arguments.COMMANDS.items()]
    print("\n".join(lines))


def _room(name: str) -> ModuleType:
    return importlib.import_module(f"hermes_supervise.cli.{name}")


def _drop_output() -> None:
    """Let the interpreter flush into nothing at exit; it would complain about the closed pipe."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
