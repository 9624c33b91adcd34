"""Live: colour and depth over the wire, fused, blurred by depth, and out again."""

import asyncio
from collections.abc import Sequence
from typing import Any

from omote.clients.request import NotConnected
from omote.server.bench import figures as arithmetic
from omote.server.bench.bars import at_least, at_most
from omote.server.bench.child import ChildFailed, child
from omote.server.bench.depth.result import CaseFailed, Result, Task
from omote.server.bench.figures import Figures
from omote.server.bench.server import Sample, ServerUnderTest, omote

STAGE = "a"
EFFECTS = ("matte", "background")
READY_S = 120.0
"Until the generator has drawn its scene."
WARM_UP_S = 8.0
BUDGET_MS = 55
"More than an interval, less than the age allowed: the ladder is not to make the work less."


def live(task: Task) -> Result:
    """1280x720 and 320x240 depth, both at 30 fps: gate, blur by depth; load generators do little."""
    try:
        return asyncio.run(_live(task))
    except (ChildFailed, NotConnected) as exc:
        raise CaseFailed(str(exc)) from exc


async def _live(task: Task) -> Result:
    async with omote(STAGE, effects=EFFECTS) as server:
        await server.order(STAGE, _order())
        publisher = ("-m", "omote.server.bench.depth.generator", server.whip(STAGE))
        viewer = ("-m", "omote.clients.viewer", server.whep(STAGE))
        async with child("generator", publisher) as sends:
            task.tell("drawing the scene")
            await sends.event("connected", READY_S)
            async with child("viewer", viewer) as sees:
                await sees.event("connected", READY_S)
                samples = await _measured(task, server)
                sent = await sends.result()
    return _result(samples, sent)


def _order() -> dict[str, Any]:
    return {
        "depth": {"fusion": "gate"},
        "params": {"matte": {"quality": "balanced"}, "background": {"by_depth": True}},
        "stage": {"budget_ms": BUDGET_MS},
    }


async def _measured(task: Task, server: ServerUnderTest) -> list[Sample]:
    task.tell(f"warming up for {WARM_UP_S:g} s")
    await asyncio.sleep(WARM_UP_S)
    task.tell(f"measuring for {task.seconds:g} s")
    return await server.watch(task.seconds)


def _result(samples: Sequence[Sample], sent: dict[str, Any]) -> Result:
    figures = Figures("live", "")
    arithmetic.note_server(figures, samples)
    depth = samples[-1].stats[STAGE]["depth"]
    told = {
        "fps_in": figures.fps_in,
        "fps_out": figures.fps_out,
        "age_p50_ms": figures.age_p50_ms,
        "age_p95_ms": figures.age_p95_ms,
        "server_cores": figures.server_cores,
        "machine_cores": figures.machine_cores,
        "rung": figures.rung,
        "steps_ms": figures.steps_ms,
        "depth": depth,
        "sent": sent,
    }
    bars = (
        at_least("live: fps_out", figures.fps_out, 28),
        at_most("live: age_p95_ms", figures.age_p95_ms, 70),
        at_most("live: highest rung (from 3 on hair is left out)", figures.rung, 2),
        at_least("live: share of pictures that had depth", depth["used_share"], 0.95),
    )
    return Result("live", live.__doc__ or "", told, bars)
