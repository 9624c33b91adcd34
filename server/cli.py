"""The command line: `omote serve` and its sisters.

Each is loaded when it is called, by name, from the module that does the work: so `omote set` does
not wait for what only the server needs, and the clients' commands stay in their own layer.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Entry:
    """One command."""

    target: str
    "Module and what to call in it: a function, or a Typer application of several commands."
    summary: str
    "Its first line of help; a test compares them."


COMMANDS = {
    "serve": Entry(
        "omote.server.serve:serve",
        "Serve until told to stop: the page, WHIP, WHEP, HTTP, MQTT.",
    ),
    "run": Entry(
        "omote.server.run:run",
        "Send a film or a picture through the effects, every frame.",
    ),
    "publish": Entry(
        "omote.clients.publish:publish", "Publish a film, a picture or a camera to a stage."
    ),
    "watch": Entry(
        "omote.clients.watch:watch",
        "Watch a stage: see how it comes in, save it, be a camera.",
    ),
    "record": Entry(
        "omote.clients.record:record",
        "Record a stage from when somebody publishes until he goes.",
    ),
    "set": Entry("omote.clients.order:order", "Change a stage while it runs."),
    "effects": Entry(
        "omote.server.effects:effects", "List the effects and what can be set of them."
    ),
    "doctor": Entry(
        "omote.server.doctor:doctor",
        "Say what works here, what does not and why, and how fast.",
    ),
    "bench": Entry("omote.server.bench:app", "Measure Omote on this machine."),
    "train": Entry("omote.server.train:app", "Train Omote's own nets on this machine."),
}


class Lazy(TyperGroup):
    """Loads a command when it is called, or when a shell completes what belongs to it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that is meant."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and command else None, rest


def load(name: str) -> Any:
    """A command, ready to be called."""
    module, _, target = COMMANDS[name].target.partition(":")
    found = getattr(import_module(module), target)
    if isinstance(found, typer.Typer):
        return get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return get_command(alone)


def application() -> typer.Typer:
    """All commands, none of them loaded."""
    app = typer.Typer(
        name="omote", cls=Lazy, no_args_is_help=True, pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )  # fmt: skip
    app.callback()(omote)
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.summary)(_placeholder)
    return app


def omote(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which this is.", callback=lambda on: _tell(on)),
    ] = False,
) -> None:
    """Self-hosted, real-time video effects over WebRTC.

    \b
    Examples:
      omote serve                                     then open http://127.0.0.1:8080/
      omote publish talk.mp4 --to desk --loop
      omote set desk background.strength=0.6
      omote watch desk --save desk.mp4 --seconds 10
    """


def _tell(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omote {version('omote')}")
        raise typer.Exit


def _placeholder() -> None:
    """Stands where a command is, until it is loaded."""


def main() -> None:
    """Entry point of `omote`."""
    application()()
