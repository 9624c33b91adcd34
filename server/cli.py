"""The command line: `omote serve` and its sisters, each from the module that does the work."""

import typer

from omote.server.serve import serve

app = typer.Typer(
    name="omote",
    help="Self-hosted, real-time video effects over WebRTC.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)


@app.callback()
def _commands() -> None:
    # With a callback typer keeps `serve` a command of its own while it is the only one.
    pass


def main() -> None:
    """Entry point of `omote`."""
    app()
