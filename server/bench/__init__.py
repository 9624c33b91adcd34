"""Bench: what Omote takes and gives on this machine, measured over the wire (`omote bench`)."""

import typer

from omote.server.bench.control import control
from omote.server.bench.deglare import Pairs, deglare
from omote.server.bench.depth.command import depth
from omote.server.bench.encoder import encoder
from omote.server.bench.live import live
from omote.server.bench.matte.command import matte
from omote.server.bench.puppet.command import puppet

app = typer.Typer(
    help="Measure Omote on this machine.\n\n\b\nExamples:\n  omote bench live --seconds 10",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(live)
app.command()(control)
app.command()(encoder)
app.command()(depth)
app.command()(matte)
app.command()(puppet)
app.command(cls=Pairs)(deglare)
