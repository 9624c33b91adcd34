"""`omote effects`: what can be ordered, drawn from the same models as everything else."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from omote.engines.effect import kinds
from omote.server.schemas import Path, Schema, blocks, described, facts, order_schema, parameters

USAGE = 2


def effects(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="EFFECT",
            help="Only this one.",
            autocompletion=lambda incomplete: _like(incomplete),
        ),
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", "--json", help="All of it as JSON on stdout.")
    ] = False,
) -> None:
    """List the effects and what can be set of them.

    A table on stderr, or with --describe JSON on stdout: of each effect its schema, and of each
    parameter the key by which `omote set` knows it, its bounds, unit, default and meaning.

    \b
    Examples:
      omote effects
      omote effects background
      omote effects --describe | jq '.effects[].name'
    """
    if name is not None and name not in kinds():
        near = get_close_matches(name, kinds(), 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(kinds())}"
        typer.echo(f"omote: no effect {name!r}; {hint}", err=True)
        raise typer.Exit(USAGE)
    told = description([name] if name else list(kinds()), whole=name is None)
    if describe:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _show(Console(stderr=True), told)


def description(names: Sequence[str], *, whole: bool) -> dict[str, Any]:
    """These effects; `whole`: also what is set of a stage, and the schema of an order."""
    rows = list(parameters())
    told: dict[str, Any] = {
        "effects": [
            {
                **described(name, kinds()[name], kinds()[name].Params),
                "parameters": _of(rows, "params", name),
            }
            for name in names
        ]
    }
    if whole:
        told["settings"] = [
            {**described(block, model, model), "parameters": _of(rows, block)}
            for block, model in blocks()
        ]
        told["order"] = order_schema()
    return told


def _of(rows: Sequence[tuple[Path, Schema]], *within: str) -> list[dict[str, Any]]:
    return [
        {"key": ".".join(path).removeprefix("params."), "path": list(path), **facts(schema)}
        for path, schema in rows
        if path[:-1] == within
    ]


def _show(console: Console, told: Mapping[str, Any]) -> None:
    parts = [(x["name"], x["description"], x["parameters"]) for x in told["effects"]]
    parts += [(x["name"], x["description"], x["parameters"]) for x in told.get("settings", [])]
    for name, words, rows in parts:
        console.print(f"[bold]{name}[/]  {words}", highlight=False)
        table = Table("key", "default", "may be", "meaning", box=None, padding=(0, 2, 0, 1))
        for row in rows:
            table.add_row(row["key"], json.dumps(row.get("default")), _range(row), _meaning(row))
        console.print(table)
        console.print()


def _range(row: Mapping[str, Any]) -> str:
    if "enum" in row:
        return ", ".join(map(str, row["enum"]))
    low, high = row.get("minimum"), row.get("maximum")
    if low is None and high is None:
        return str(row.get("type", "any"))
    return f"{'' if low is None else low} to {'' if high is None else high}"


def _meaning(row: Mapping[str, Any]) -> str:
    unit = f" [{row['unit']}]" if row.get("unit") else ""
    return f"{row.get('description', '')}{unit}"


def _like(word: str) -> list[str]:
    return [name for name in kinds() if name.startswith(word)]
