"""
Draws ``status.svg``, the picture in README.md, from a real run.

    python docs/images/screenshot.py

It starts a supervisor over six programs, brings them into different phases, asks for the same
status as ``ctl status`` does, and draws it with the same code.  Nothing in the picture is made up.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from hermes_supervise.cli.rich_sheet import render
from hermes_supervise.cli.sheet import sheet
from hermes_supervise.cli.terminal import Terminal
from hermes_supervise.control.client import call

WIDTH = 112
PATIENCE = 30.0
"""Seconds until everything has to be in its phase."""

GATEWAY = "{command: ['${HERMES_SUPERVISE_PYTHON}', -m, hermes_supervise.examples.gateway, --name"
YAML = f"""
supervisor: {{state_dir: state, socket: control.sock}}
defaults:
  restart: {{backoff: {{first: 40s, limit: 60s}}}}
programs:
  chat: {GATEWAY}, chat]}}
  mail: {GATEWAY}, mail, --sessions, "2"]}}
  queue:
    command: ["${{HERMES_SUPERVISE_PYTHON}}", -m, hermes_supervise.examples.gateway, --name, queue,
              --session-seconds, "300"]
    stop: {{marker: {{path: .queue-planned-stop.json, format: hermes}}, drain_timeout: 90s}}
  reports: {GATEWAY}, reports]}}
  search: {{command: [sh, -c, "sleep 2.5; exit 3"]}}
  tokens: {{command: [sh, -c, "exit 78"]}}
"""
CELL = 12.2
"""How wide rich draws one sign."""

INDENTED = re.compile(r'x="([\d.]+)"([^>]*?)textLength="([\d.]+)"([^>]*>)((?:&#160;)+)')
WANTED = {
    "chat": "running",
    "mail": "running",
    "queue": "draining",
    "reports": "stopped",
    "search": "backoff",
    "tokens": "failed",
}


def main() -> None:
    """Run, look, draw."""
    with tempfile.TemporaryDirectory(prefix="gateways-", dir="/tmp") as folder:
        config = Path(folder) / "supervisor.yaml"
        config.write_text(YAML)
        command = [sys.executable, "-m", "hermes_supervise", "-q", "-c", str(config)]
        keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            document = phases_of(f"{folder}/control.sock")
        finally:
            subprocess.run(
                [*command[:3], "ctl", "-c", str(config), "stop", "--force", "all"],
                check=False,
            )
            keeper.terminate()
            keeper.wait(PATIENCE)
    Path(__file__).with_name("status.svg").write_text(picture(document))


def phases_of(address: str) -> dict[str, Any]:
    """Bring every program into its phase and return the status document of that moment."""
    deadline = time.monotonic() + PATIENCE
    asked = False
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if not Path(address).exists():
            continue
        document = call(address, "status", {"names": []})
        phases = {row["name"]: row["phase"] for row in document["programs"]}
        if phases == WANTED and document["supervisor"]["uptime_s"] > 8:
            return document
        if not asked and phases["queue"] == phases["reports"] == "running":
            call(address, "stop", {"names": ["queue", "reports"], "force": False})
            asked = True
    raise SystemExit(f"not in their phases after {PATIENCE:g} s: {phases}")


def picture(document: dict[str, Any]) -> str:
    """Return the table as SVG, without a web font that a reader would have to fetch."""
    terminal = Terminal(live=True, colour=True, signs=True, width=WIDTH, height=40)
    whole = sheet(document["supervisor"], document["programs"], time.time(), terminal)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    render(whole, console, terminal)
    svg = console.export_svg(title="hermes-supervise ctl status", unique_id="status")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "Fira Code, DejaVu Sans Mono, Menlo, monospace")
    svg = INDENTED.sub(_placed, svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def _placed(match: re.Match[str]) -> str:
    """Move a text instead of indenting it: some viewers drop leading spaces."""
    x, middle, length, rest, spaces = match.groups()
    shift = CELL * (len(spaces) // len("&#160;"))
    return f'x="{float(x) + shift:g}"{middle}textLength="{float(length) - shift:g}"{rest}'


if __name__ == "__main__":
    main()
