"""`omote bench control`: how soon an order shows, what a flood of them costs, a broker that dies."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from omote.clients.request import NotConnected
from omote.server.bench import figures as arithmetic
from omote.server.bench.bars import BUDGET_MS, Bar, at_most, show_bars
from omote.server.bench.child import ChildFailed
from omote.server.bench.eye import Corner, watching
from omote.server.bench.machine import machine
from omote.server.bench.material import material
from omote.server.bench.orders import BLACK, WHITE, anything, backdrop
from omote.server.bench.outage import outage
from omote.server.bench.server import ServerUnderTest, omote
from omote.server.bench.setting import Setting
from omote.server.bench.voices import VOICES, Say, Voice

EFFECTS = ("matte", "background")
STAGE = "a"
CASES = ("orders", "flood", "outage")
TRIES = 40
"Orders of each way whose effect is waited for."
LOST_S = 2.0
"Seconds after which an order has not shown."
FLOOD_PER_S = 1000
ROUNDS = 2
"Pairs of a quiet interval and a flooded one, for each way."

Found = dict[str, Any]


def control(
    case: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CASES)}; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Each interval of the flood.")] = 15.0,
    tries: Annotated[int, typer.Option(min=1, help="Orders over each way.")] = TRIES,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before each case.")] = 5.0,
    clip: Annotated[str | None, typer.Option(help="Video, picture or `synthetic`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Measure orders: from order to picture, under a flood, and with a broker that is killed."""
    if unknown := set(case or ()) - set(CASES):
        raise typer.BadParameter(f"no case {min(unknown)!r}; there are {', '.join(CASES)}")
    console = Console(stderr=True)
    began, found = machine(), material(clip)
    tell = partial(console.print, style="dim", markup=False)
    setting = Setting(found, seconds, warm_up, 0.0, tell)
    console.print(f"{began['processor']}, {began['cores']} cores, load {began['load_average'][0]}")
    try:
        cases = asyncio.run(_run(case or CASES, setting, tries))
    except (ChildFailed, NotConnected) as exc:
        console.print(f"failed: {exc}", style="red", markup=False)
        raise typer.Exit(1) from exc
    held = bars(cases)
    for name, figures in cases.items():
        console.print(f"{name}: {json.dumps(figures)}", markup=False)
    show_bars(console, held)
    if as_json:
        report = {"machine": began, "clip": found.words, "cases": cases}
        print(json.dumps(report | {"bars": [bar.told() for bar in held]}, indent=2))


async def _run(names: Sequence[str], setting: Setting, tries: int) -> dict[str, Found]:
    cases: dict[str, Found] = {}
    if "orders" in names:
        cases |= await _orders(setting, tries)
    if "flood" in names:
        cases |= await _flood(setting)
    for broker in ("mosquitto", "embedded") if "outage" in names else ():
        setting.tell(f"the broker ({broker}) is killed and started again")
        cases[f"outage, {broker}"] = await outage(setting, broker)
    return cases


async def _orders(setting: Setting, tries: int) -> dict[str, Found]:
    """Each way by itself, one order after the other."""
    found: dict[str, Found] = {}
    async with (
        omote(STAGE, effects=EFFECTS) as server,
        setting.publisher(server, STAGE, "--prepared"),
        watching(server.whep(STAGE)) as corner,
    ):
        await asyncio.sleep(setting.warm_up)
        for name, voice in VOICES.items():
            setting.tell(f"{tries} orders over {name}")
            async with voice(server, STAGE) as say:
                found[name] = await _order_to_picture(say, corner, tries)
    return found


async def _order_to_picture(say: Say, corner: Corner, tries: int) -> Found:
    """Milliseconds from an order given to the first picture it shows in, decoded by a viewer."""
    await say(backdrop(BLACK))
    await asyncio.sleep(LOST_S)
    chance, took = random.Random(1), []
    for number in range(tries):
        bright = number % 2 == 0
        since, before = time.monotonic(), len(corner.seen)
        await say(backdrop(WHITE if bright else BLACK))
        took.append(await _shown(corner, before, since, bright))
        await asyncio.sleep(chance.uniform(0.2, 0.3))
    seen = [each for each in took if each is not None]
    return {"orders": tries, "not_seen": tries - len(seen), **_spread(seen)}


async def _shown(corner: Corner, before: int, since: float, bright: bool) -> float | None:
    while time.monotonic() - since < LOST_S:
        for at, is_bright in corner.seen[before:]:
            if is_bright == bright and at > since:
                return (at - since) * 1e3
        await asyncio.sleep(0.005)
    return None


def _spread(took: Sequence[float]) -> dict[str, float | None]:
    shares = {"p50_ms": 50, "p95_ms": 95, "max_ms": 100}
    return {
        key: round(float(np.percentile(took, share)), 1) if took else None
        for key, share in shares.items()
    }


async def _flood(setting: Setting) -> dict[str, Found]:
    """Over each way by itself, quiet and flooded intervals in turn; the ages of each."""
    found: dict[str, Found] = {}
    async with (
        omote(STAGE, effects=EFFECTS) as server,
        setting.publisher(server, STAGE, "--prepared"),
        setting.viewer(server, STAGE),
    ):
        await asyncio.sleep(setting.warm_up)
        for name, voice in VOICES.items():
            setting.tell(f"{setting.seconds:g} s quiet, {setting.seconds:g} s flooded over {name}")
            found[f"flood, {name}"] = await _flooded(setting, server, voice)
    return found


async def _flooded(setting: Setting, server: ServerUnderTest, voice: Voice) -> Found:
    quiet, flooded, given = [], [], 0
    for number in range(ROUNDS):
        quiet.append(await _age_p95(setting, server))
        async with voice(server, STAGE) as say:
            flood = asyncio.create_task(_pour(say, number, FLOOD_PER_S, setting.seconds))
            flooded.append(await _age_p95(setting, server))
            given += await flood
    return {
        "orders_per_s": round(given / (ROUNDS * setting.seconds)),
        "age_p95_ms_quiet": quiet,
        "age_p95_ms_flooded": flooded,
        "age_p95_rise_ms": round(float(np.mean(flooded) - np.mean(quiet)), 1),
    }


async def _pour(say: Say, seed: int, per_s: float, seconds: float) -> int:
    """Give orders evenly, or as fast as they are taken; returns how many."""
    orders, began, given = anything(seed), time.monotonic(), 0
    while (gone := time.monotonic() - began) < seconds:
        if given < per_s * gone:
            given += 1
            await say(next(orders))
        else:
            await asyncio.sleep(0.01)
    return given


async def _age_p95(setting: Setting, server: ServerUnderTest) -> float:
    samples = await server.watch(setting.seconds)
    return arithmetic.age(samples, STAGE, 0.95) or float("inf")


def bars(cases: Mapping[str, Found]) -> list[Bar]:
    """What these figures are held against."""
    found: list[Bar] = []
    for name, figures in cases.items():
        if name in VOICES:
            found += _order_bars(name, figures)
        elif name.startswith("flood"):
            found.append(at_most(f"{name}: age_p95_ms rises by", figures["age_p95_rise_ms"], 5))
        elif "not_run" not in figures:
            found.append(at_most(f"{name}: frames lost", figures["frames_lost"], 0))
            found.append(at_most(f"{name}: s until state is right", figures["right_s"], 5))
    return found


def _order_bars(name: str, figures: Found) -> list[Bar]:
    within = 2 * BUDGET_MS + 20
    words = f"{name}: order to picture p95_ms, two frames plus 20"
    return [
        at_most(words, figures["p95_ms"], within),
        at_most(f"{name}: orders not seen", figures["not_seen"], 0),
    ]
