"""`omote doctor`: what works on this machine, what does not and why, and what it can carry."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from omote.server import checkup, speeds
from omote.server.config import Misconfigured
from omote.server.effective import effective
from omote.server.finding import Finding

MARKS = {"works": "[green]works  [/]", "missing": "[yellow]missing[/]", "wrong": "[red]WRONG  [/]"}


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="OMOTE_CONFIG", help="Look at what this would need."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on stdout.")] = False,
) -> None:
    """Say what works here, what does not and why, and how fast.

    A few seconds. Figures are processor time, so that others who are busy do not spoil them. What is
    missing is only needed by those who use it. Exit code 1: something is wrong.

    \b
    Examples:
      omote doctor
      omote doctor --config studio.toml
      omote doctor --json | jq '.findings[] | select(.verdict == "wrong")'
    """
    try:
        options = effective({}, os.environ, config).options
    except Misconfigured as exc:
        typer.echo(f"omote: {exc}", err=True)
        raise typer.Exit(1) from exc
    console = Console(stderr=True)
    found: list[Finding] = []
    for finding in checkup.findings(options):
        found.append(_shown(console, finding))
    if not quick:
        for finding in speeds.findings(os.cpu_count() or 1):
            found.append(_shown(console, finding))
    well = all(finding.verdict != "wrong" for finding in found)
    if as_json:
        typer.echo(json.dumps({"well": well, "findings": [x.told() for x in found]}, indent=2))
    if not well:
        raise typer.Exit(1)


def _shown(console: Console, finding: Finding) -> Finding:
    words = f"{MARKS[finding.verdict]}  [bold]{escape(finding.name)}[/]  {escape(finding.words)}"
    console.print(words, highlight=False)
    return finding
