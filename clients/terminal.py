"""Terminal: what the clients' commands have in common: exit codes, options, how they end."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from omote.clients.completion import stages
from omote.clients.mistake import Mistake
from omote.clients.place import SERVER
from omote.clients.request import NotConnected

REFUSED = 1
"The server answered, and the answer is no."
USAGE = 2
"What was typed cannot be done; nobody was asked."
UNREACHABLE = 3
"Nobody answered, or not as an Omote does."
NO_CAMERA = 4
"This machine has no virtual camera."

StageArgument = Annotated[
    str,
    typer.Argument(metavar="STAGE", help="Its name, or a URL that says it.", autocompletion=stages),
]
ServerOption = Annotated[
    str,
    typer.Option("--url", metavar="URL", envvar="OMOTE_URL", help="The server of stages' names."),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        metavar="SECRET", envvar="OMOTE_TOKEN", help="Where the server wants one; others see flags."
    ),
]
DEFAULT_SERVER = SERVER


class GivenUp(Exception):
    """A command ends here: with this sentence and this exit code."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


@contextmanager
def explained() -> Iterator[None]:
    """Say in one line what went wrong, and end with its exit code."""
    try:
        yield
    except GivenUp as exc:
        _end(str(exc), exc.code)
    except Mistake as exc:
        _end(str(exc), USAGE)
    except NotConnected as exc:
        _end(_advised(exc), UNREACHABLE if exc.status is None else REFUSED)
    except KeyboardInterrupt:
        _end("stopped", 130)


def say(words: str) -> None:
    """For people: on stderr, so that stdout is JSON alone."""
    typer.echo(words, err=True)


def give(answer: Any) -> None:
    """For programs: JSON on stdout."""
    typer.echo(json.dumps(answer))


def _advised(exc: NotConnected) -> str:
    if exc.status == 401:
        return f"{exc}; pass --token or set OMOTE_TOKEN"
    if isinstance(exc.__cause__, OSError) and not isinstance(exc.__cause__, ssl.SSLError):
        return f"{exc}; is `omote serve` running there? --url says where"
    return str(exc)


def _end(words: str, code: int) -> NoReturn:
    say(f"omote: {words}")
    raise typer.Exit(code)
