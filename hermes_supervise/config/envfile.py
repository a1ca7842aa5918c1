"""
Environment files: lines of ``KEY=VALUE``.

``export `` before the key is allowed, so is a comment line.  A value in single quotes is taken
as it is; in double quotes a backslash means what it means in a shell, and ``n``, ``t``, ``r``
after it are the usual control characters; without quotes the value ends at `` #``.  Nothing is
expanded.  The text of such a file is never shown in a problem: it is where secrets live.
"""

from __future__ import annotations

import re

from hermes_supervise.config.problems import Problem

_LINE = re.compile(r"\s*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(.*)$")
_COMMENT = re.compile(r"(?<![^ \t])#")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "`": "`"}


def parse_environment(name: str, text: str) -> tuple[dict[str, str], list[Problem]]:
    """Return the variables in *text*, later lines winning, and every problem in file *name*."""
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(re.split("\r\n|\n|\r", text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            column = len(line) - len(line.lstrip()) + 1
            problems.append(
                _problem(name, number, column, "", "want KEY=VALUE, or a comment with #")
            )
            continue
        key, raw = match[1], match[2].rstrip(" \t")
        value = _value(raw)
        if value is None:
            column = match.start(2) + 1
            problems.append(_problem(name, number, column, key, _quote_message(raw)))
        elif "\0" in value:
            problems.append(
                _problem(name, number, match.start(2) + 1, key, "got a NUL character, want text")
            )
        else:
            variables[key] = value
    return variables, problems


def _value(raw: str) -> str | None:
    """Return the value that *raw* writes, None when a quote is wrong."""
    if raw.startswith("'"):
        end = raw.find("'", 1)
        return raw[1:end] if end > 0 and _only_comment(raw[end + 1 :]) else None
    if raw.startswith('"'):
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"', raw)
        if quoted is None or not _only_comment(raw[quoted.end() :]):
            return None
        return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), quoted[1])
    comment = _COMMENT.search(raw)
    return raw if comment is None else raw[: comment.start()].rstrip(" \t")


def _only_comment(rest: str) -> bool:
    return not rest.strip() or bool(re.match(r"[ \t]+#", rest))


def _quote_message(raw: str) -> str:
    quote = raw[0]
    closed = raw.count(quote) > 1
    if closed:
        return f"got text after the closing {quote}, want the end of the line"
    return f"got a {quote} that is never closed; a line break is written \\n in double quotes"


def _problem(name: str, line: int, column: int, key: str, message: str) -> Problem:
    return Problem(file=name, line=line, column=column, key=key, message=message)
