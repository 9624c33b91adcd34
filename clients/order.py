"""`omote set`: one order, its answer, and an exit code that says which it was."""

import asyncio
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from omote.clients.assignments import key_of, order_in, order_of
from omote.clients.completion import keys
from omote.clients.place import Place
from omote.clients.request import Answer, NotConnected, exchange
from omote.clients.terminal import (
    DEFAULT_SERVER,
    REFUSED,
    UNREACHABLE,
    USAGE,
    GivenUp,
    ServerOption,
    StageArgument,
    TokenOption,
    explained,
    give,
    say,
)

MERGE_PATCH = "application/merge-patch+json"
STDIN = "-"


def order(
    stage: StageArgument,
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="EFFECT.PARAMETER, stage.SETTING, scene.KEY or effects; no VALUE is the default."
            " `-` alone reads a whole order, JSON, from standard input.",
            autocompletion=keys,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="JSON", help="A whole order; - is standard input.")
    ] = None,
    url: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Over this broker instead, mqtt:// or mqtts://."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(envvar="OMOTE_MQTT_PREFIX", help="What its topics begin with.")
    ] = "omote",
) -> None:
    """Change a stage while it runs.

    The answer is JSON on stdout. Exit code 0: done; 1: refused, and nothing has changed; 2: not an
    order; 3: nobody answered.

    \b
    Examples:
      omote set desk background.strength=0.6 background.mode=disc
      omote set desk effects=matte,background stage.mirror=true
      omote set desk background.strength=            back to its default
      omote set https://host/desk --file order.json
      omote set desk stage.bypass=true --mqtt mqtt://127.0.0.1
      echo '{"stage": {"mirror": true}}' | omote set desk -
    """
    with explained():
        patch = _patch(assignments or [], file)
        if mqtt is None:
            answer = _over_http(Place.read(stage, url), patch, token)
        else:
            answer = _over_mqtt(mqtt, prefix, Place.read(stage, url).stage, patch)
        give(answer)
        if not answer["ok"]:
            raise GivenUp("refused, nothing has changed\n" + _reasons(answer["errors"]), REFUSED)


def _patch(assignments: Sequence[str], file: Path | None) -> dict[str, Any]:
    if list(assignments) == [STDIN]:
        assignments, file = [], Path(STDIN)
    if bool(assignments) == (file is not None):
        raise GivenUp("say what to change: KEY=VALUE..., or --file JSON, not both", USAGE)
    return order_of(assignments) if file is None else order_in(_read(file))


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if file == Path(STDIN) else file.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise GivenUp(f"--file {file}: {exc}", USAGE) from exc


def _over_http(place: Place, patch: dict[str, Any], token: str | None) -> dict[str, Any]:
    """What the server answers to an order, whichever way it went; raises `NotConnected`."""
    answer = exchange("PATCH", place.itself, json.dumps(patch).encode(), MERGE_PATCH, token)
    if answer.status == 404:
        say(_stages_like(place, token))
    if answer.status not in (200, 422):
        words = f"{place.itself} answered {answer.status}: {answer.detail()}"
        raise NotConnected(words, answer.status)
    return _read_answer(place, answer)


def _read_answer(place: Place, answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
        return {**told, "ok": bool(told["ok"])}
    except (ValueError, KeyError, TypeError) as exc:
        raise GivenUp(f"{place.server} does not answer as an Omote does", UNREACHABLE) from exc


def _stages_like(place: Place, token: str | None) -> str:
    """What there is instead of a stage that there is not."""
    told = exchange("GET", f"{place.server}/stages", token=token)
    try:
        names = [stage["name"] for stage in json.loads(told.body)["stages"]]
    except (ValueError, KeyError, TypeError):
        return f"no stage {place.stage} there"
    near = get_close_matches(place.stage, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
    return f"no stage {place.stage}; {hint}"


def _over_mqtt(broker: str, prefix: str, stage: str, patch: dict[str, Any]) -> dict[str, Any]:
    from omote.clients.order_mqtt import sent  # takes as long to load as all the rest

    return asyncio.run(sent(broker, prefix, stage, patch))


def _reasons(errors: Sequence[dict[str, str]]) -> str:
    lines = (": ".join(filter(None, (key_of(e["at"]), e["message"]))) for e in errors)
    return "\n".join(f"  {line}" for line in lines)
