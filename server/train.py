"""`omote train`: make the weights that Omote ships, or better ones. Needs the extra `train`."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train Omote's own nets on this machine.\n\n\b\nExamples:\n  omote train deglare",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

CHECKPOINT = Path("engines/training/checkpoints/deglare.pt")
CACHE = Path(".cache/deglare")


@app.callback()
def train() -> None:
    """Train Omote's own nets on this machine.

    \b
    Examples:
      nice -n 19 omote train deglare --minutes 60
      omote train export --out deglare.onnx
      nice -n 19 omote train puppet me.mp4 --out me.mp4 --minutes 30
    """
    if importlib.util.find_spec("torch") is None:
        typer.echo("training needs PyTorch: pip install 'omote[train]'", err=True)
        raise typer.Exit(2)


@app.command()
def deglare(
    checkpoint: Annotated[
        Path, typer.Option(help="Goes on from this file, or begins it; kept up to date.")
    ] = CHECKPOINT,
    cache: Annotated[
        Path, typer.Option(help="Where photographs, crops and sample sheets are kept.")
    ] = CACHE,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Where it ends; the rate falls over the last two fifths."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Processor minutes after which to save and stop.")
    ] = 1e9,
    seed: Annotated[int, typer.Option(min=0, help="Of a training that begins.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step; of one that begins.")] = 16,
) -> None:
    """Train the net of the effect deglare: hours on one core. Ctrl-C saves and stops.

    The figures of the last validation go to stdout as JSON, progress to stderr.
    """
    from omote.engines.training.checkpoint import Settings, opened
    from omote.engines.training.deglare import train as go_on
    from omote.engines.training.material import material
    from omote.engines.training.session import Plan

    run = opened(checkpoint, Settings(seed=seed, batch=batch), steps)
    go_on(run, material(cache), Plan(checkpoint, cache / "sheets", minutes))
    print(json.dumps(run.curve[-1] if run.curve else {"step": run.step}))


@app.command()
def puppet(
    source: Annotated[Path, typer.Argument(exists=True, help="A clip of somebody, or one photo.")],
    out: Annotated[str, typer.Option(help="The face's name among the uploaded ones.")],
    minutes: Annotated[
        float, typer.Option(min=0, help="Processor minutes in all; 0 only looks the clip through.")
    ] = 30,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Where it ends, instead of what minutes allow.")
    ] = None,
    driver: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="A clip of somebody else, for poses; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of a training that begins.")] = 0,
) -> None:
    """Train a net that draws one person's face, for the effect puppet. Ctrl-C saves and stops.

    The same line goes on. The figures of the last validation go to stdout as JSON, progress to
    stderr; sheets of samples and the net lie beside the face, in a folder of its name with a dot.
    """
    from omote.engines.training.puppet import command

    try:
        print(json.dumps(command.trained(source, out, minutes, steps, driver or [], seed)))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="What was trained.")] = CHECKPOINT,
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")] = Path("deglare.onnx"),
) -> None:
    """Write a net as ONNX; `deglare` runs it with the parameter `model`."""
    from omote.engines.training.export import export as write

    typer.echo(write(checkpoint, out), err=True)
