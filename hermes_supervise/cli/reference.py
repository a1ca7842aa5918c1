"""
The reference page of the command line, made from its parsers.

``python -m hermes_supervise.cli.reference > docs/reference/cli.md`` writes it; a test compares.
Options are read from the parsers and not from their help pages, whose layout differs from one
Python, and one terminal width, to the next.
"""

from __future__ import annotations

import argparse
import sys

from hermes_supervise.cli.arguments import (
    COMMANDS,
    LATER,
    LATER_VERBS,
    PROGRAM,
    VERBS,
    Parser,
    command_parser,
    foreground_parser,
    place_parser,
    verb_parser,
)

HEAD = """\
# The command line

<!-- Made by `python -m hermes_supervise.cli.reference`; edit the parsers, not this page. -->

Exit codes are on a page of their own: [exit codes](exit-codes.md). Durations are written with
their unit: `250ms`, `30s`, `5m`, `2h`, `1d`.
"""

PLACE = """\
The supervisor is found by `--socket`, else by `-c`, else by `$HERMES_SUPERVISE_SOCKET`, else by
`./supervisor.yaml`. With `-c` only the address that a running supervisor left behind is read, never
the YAML file itself.
"""

NAMES = """\
`NAME` is a program, a group of `for_each` (all its instances), a glob such as `'bot-*'`, or `all`.
"""

WAITING = """\
`start`, `stop` and `restart` wait and show what happens. The request is durable before the waiting
begins: Ctrl-C, or `--timeout`, ends only the waiting. A second Ctrl-C within 3 s asks for force
(`stop` and `restart`). `--timeout` never cuts a drain short; `--drain-timeout` does.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, _section("##", foreground_parser())]
    parts += [_section("##", command_parser(command)) for command in COMMANDS if command != "ctl"]
    parts += [_section("##", place_parser()), PLACE, NAMES, WAITING]
    parts += [_section("###", verb_parser(verb)) for verb in VERBS]
    later = [f"`{PROGRAM} {command}`" for command in sorted(LATER)]
    later += [f"`{PROGRAM} ctl {verb}`" for verb in sorted(LATER_VERBS)]
    later += [
        "`ctl status --deep`",
        "`ctl start --take-over`",
        "`--token-file` and `tcp://` addresses",
    ]
    parts.append(
        "## Not yet\n\nAnswered with “not yet” and exit code 2: " + ", ".join(later) + ".\n"
    )
    return "\n".join(parts)


def _section(level: str, parser: Parser) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    lines = [f"{level} {parser.prog.removeprefix(f'{PROGRAM} ')}", ""]
    lines += [str(parser.description), "", "```text", usage, "```"]
    rows = [_row(action) for action in parser._actions if _shown(action)]
    if rows:
        lines += ["", "| | |", "| --- | --- |", *rows]
    return "\n".join(lines) + "\n"


def _shown(action: argparse.Action) -> bool:
    return action.dest != "help" and action.help != "not yet"


def _row(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices is not None:
        metavar = "\\|".join(str(choice) for choice in action.choices)
    words = [f"{option} {metavar}".rstrip() for option in action.option_strings] or [metavar]
    return f"| `{'`, `'.join(words)}` | {action.help} |"


if __name__ == "__main__":
    sys.stdout.write(page())
