"""The command line: `omote serve` and its sisters, each from the module that does the work."""

import typer

from omote.server import bench, train
from omote.server.run import run
from omote.server.serve import serve

app = typer.Typer(
    name="omote",
    help="Self-hosted, real-time video effects over WebRTC.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(run)
app.add_typer(bench.app, name="bench")
app.add_typer(train.app, name="train")


def main() -> None:
    """Entry point of `omote`."""
    app()
