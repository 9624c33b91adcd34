"""Cases: what `omote bench live` sets up, lets run, and measures."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

from omote.server.bench import figures as arithmetic
from omote.server.bench.figures import Figures
from omote.server.bench.server import Sample, ServerUnderTest, omote, stock
from omote.server.bench.setting import Setting

BLUR = ("matte", "background")
NOTHING: tuple[str, ...] = ()
STAGE = "a"
BLURRED = "background blur, quality fast"
LIVE = "a live 720p30 H.264 camera"
PREPARED = "720p30 H.264 encoded beforehand"
OURS = "omote"
MORE_VIEWERS = 9
WARM_UP_CYCLES, CYCLES = 20, 50
PUT_AWAY = 3.0
"Seconds until what a closed connection leaves has been put away."
BACK_WITHIN = 30.0
"Seconds to wait for full quality after overload before giving up."

TOO_MANY = 3
"Stages for each core: more than any core at hand carries."

Case = Callable[[Setting], Awaitable[list[Figures]]]


async def blur(setting: Setting) -> list[Figures]:
    """The main job: background blur, our viewer."""
    figures = Figures("blur", f"{LIVE}, {BLURRED}")
    async with omote(STAGE, effects=BLUR) as server:
        await _watched(setting, server, figures, ("--decode",), OURS)
    return [figures]


async def hair(setting: Setting) -> list[Figures]:
    """The main job with the matte's quality `balanced`, as it is unless told otherwise."""
    figures = Figures("hair", f"{LIVE}, background blur, quality balanced")
    async with omote(STAGE, effects=BLUR, quality="balanced") as server:
        await _watched(setting, server, figures, ("--decode",), OURS)
    return [figures]


async def echo(setting: Setting) -> list[Figures]:
    """The same with no effect: decode and encode alone."""
    figures = Figures("echo", f"{LIVE}, no effect")
    async with omote(STAGE, effects=NOTHING) as server:
        await _watched(setting, server, figures, ("--decode",), OURS)
    return [figures]


async def plain_aiortc(setting: Setting) -> list[Figures]:
    """A plain aiortc echo, watched by our viewer and by aiortc's own."""
    ours = Figures("stock", f"{LIVE}, plain aiortc echo, in VP8, its own choice")
    theirs = Figures("stock, aiortc viewer", ours.what)
    for figures, way, viewer in ((ours, "--decode", OURS), (theirs, "--stock", "aiortc")):
        async with stock() as server:
            await _watched(setting, server, figures, (way, "--codec", "any"), viewer)
        figures.fps_out = round(float(figures.more["pictures_shown"]) / figures.seconds, 1)
    return [ours, theirs]


async def chromium(setting: Setting) -> list[Figures]:
    """The main job with Chromium as the viewer, through the page's own script."""
    from omote.server.bench.chromium import watching  # wants playwright, which only this case needs

    figures = Figures("chromium", f"{LIVE}, {BLURRED}")
    async with (
        omote(STAGE, effects=BLUR) as server,
        setting.publisher(server, STAGE) as sends,
        watching(server.url, server.whep(STAGE)) as browser,
    ):
        samples = await setting.measured(server)
        shown, uncertainty = await browser.shown()
        sent = (await sends.result())["publishers"][0]
    _note(figures, samples, sent, shown, browser.name)
    figures.more["clock_uncertainty_ms"] = uncertainty
    return [figures]


async def page(setting: Setting) -> list[Figures]:
    """The main job with our viewer, while the page is open and drawing the figures."""
    from omote.server.bench.chromium import page_open

    figures = Figures("page", f"{LIVE}, {BLURRED}, and the page open in Chromium")
    async with omote(STAGE, effects=BLUR) as server:
        beside = page_open(server.url, STAGE)
        await _watched(setting, server, figures, ("--decode",), OURS, beside)
    return [figures]


async def overload(setting: Setting) -> list[Figures]:
    """More stages than cores carry; then all but one publisher leave and it wants its quality back."""
    names = [f"stage-{number}" for number in range(TOO_MANY * (os.cpu_count() or 1))]
    figures = Figures("overload", f"{len(names)} stages, each {PREPARED}, {BLURRED}")
    first, *others = names
    async with (
        omote(*names, effects=BLUR) as server,
        setting.publisher(server, first, "--prepared"),
        setting.publisher(server, others, "--prepared") as leaving,
        setting.viewer(server, names),
    ):
        samples = await setting.measured(server)
        setting.tell("all publishers but one leave")
        await leaving.result()
        figures.more["back_s"] = await _back(server, first)
    arithmetic.note_server(figures, samples)
    figures.more["stages"] = [_stage(samples, name) for name in names]
    return [figures]


async def viewers10(setting: Setting) -> list[Figures]:
    """One viewer, then nine more in a process of their own, none of which decodes."""
    figures = Figures("viewers10", f"{PREPARED}, {BLURRED}, 1 then 10 counting viewers")
    alone = Figures("one viewer", "")
    async with (
        omote(STAGE, effects=BLUR) as server,
        setting.publisher(server, STAGE, "--prepared"),
        setting.viewer(server, STAGE),
    ):
        arithmetic.note_server(alone, await setting.measured(server))
        async with setting.viewer(server, STAGE, "--count", str(MORE_VIEWERS)) as sees:
            samples = await setting.measured(server)
            notes = (await sees.result())["viewers"]
    arithmetic.note_server(figures, samples)
    gaps = [arithmetic.longest_gap(arithmetic.within(each["shown"], samples)) for each in notes]
    figures.freeze_max_ms = max((gap for gap in gaps if gap is not None), default=None)
    one, ten = alone.server_cores or 0.0, figures.server_cores or 0.0
    figures.more["server_cores_one_viewer"] = one
    figures.more["cores_per_further_viewer"] = round((ten - one) / MORE_VIEWERS, 4)
    return [figures]


async def loss(setting: Setting, percent: float) -> list[Figures]:
    """Both hops with 20 ms one way and losses in both directions; with sound."""
    what = f"{LIVE} and sound, {BLURRED}, each hop 20 ms one way and {percent:g} % loss"
    figures = Figures(f"loss{percent:g}", what)
    bad = ("--loss", str(percent), "--delay-ms", "20", "--audio")
    async with (
        omote(STAGE, effects=BLUR, loss=percent, delay_ms=20) as server,
        setting.publisher(server, STAGE, *bad) as sends,
        setting.viewer(server, STAGE, "--decode", *bad) as sees,
    ):
        samples = await setting.measured(server)
        notes = (await sees.result())["viewers"][0]
        sent = (await sends.result())["publishers"][0]
    _note(figures, samples, sent, notes["shown"], OURS)
    figures.more |= arithmetic.together(notes)
    kept = ("keyframes_asked", "recovered", "given_up")
    figures.more |= {f"viewer_{key}": notes[key] for key in kept}
    return [figures]


async def soak(setting: Setting) -> list[Figures]:
    """Memory over minutes, then clients that come and go."""
    setting = replace(setting, seconds=setting.soak_seconds)
    length = f"{setting.seconds / 60:.3g} minutes"
    what = f"{PREPARED}, {BLURRED}, {length}; then {CYCLES} publishers and viewers in turn"
    figures = Figures("soak", what)
    async with omote(STAGE, effects=BLUR) as server:
        async with setting.publisher(server, STAGE, "--prepared"), setting.viewer(server, STAGE):
            samples = await setting.measured(server)
        after_first_minute = samples[len(samples) // 6 :]  # of six
        arithmetic.note_server(figures, after_first_minute)
        await _cycles(setting, server, WARM_UP_CYCLES)
        before = await _settled(server)
        await _cycles(setting, server, CYCLES)
        after = await _settled(server)
    figures.more["before_cycles"] = before
    figures.more["after_cycles"] = {key: round(after[key] - before[key], 1) for key in after}
    return [figures]


CASES: dict[str, Case] = {
    "blur": blur,
    "hair": hair,
    "echo": echo,
    "stock": plain_aiortc,
    "chromium": chromium,
    "page": page,
    "overload": overload,
    "viewers10": viewers10,
    "loss1": lambda setting: loss(setting, 1),
    "loss3": lambda setting: loss(setting, 3),
    "soak": soak,
}


async def _watched(
    setting: Setting,
    server: ServerUnderTest,
    figures: Figures,
    way: Sequence[str],
    name: str,
    beside: AbstractAsyncContextManager[None] | None = None,
) -> None:
    """One live publisher, one viewer, and what else goes on beside them."""
    async with (
        setting.publisher(server, STAGE) as sends,
        setting.viewer(server, STAGE, *way) as sees,
        beside or nullcontext(),
    ):
        samples = await setting.measured(server)
        notes = (await sees.result())["viewers"][0]
        sent = (await sends.result())["publishers"][0]
    _note(figures, samples, sent, notes["shown"], name)


def _note(
    figures: Figures,
    samples: Sequence[Sample],
    sent: dict[str, Any],
    shown: arithmetic.Shown,
    viewer: str,
) -> None:
    arithmetic.note_server(figures, samples)
    shown = arithmetic.within(shown, samples)
    arithmetic.note_end_to_end(figures, sent["taken"], shown, viewer)
    figures.freeze_max_ms = arithmetic.longest_gap(shown)
    figures.more["pictures_not_taken"] = sent["missed"]


def _stage(samples: Sequence[Sample], name: str) -> dict[str, Any]:
    """One of several stages, what differs between them."""
    figures = Figures(name, "")
    arithmetic.note_stage(figures, samples, name)
    rungs = [int(sample.stats[name]["rung"]) for sample in samples]
    told = figures.told()
    kept = ("fps_in", "fps_out", "age_p50_ms", "age_p95_ms", "dropped_undecoded", "dropped_newest")
    return {"stage": name, **{key: told[key] for key in kept}, "rungs": rungs}


async def _back(server: ServerUnderTest, stage: str) -> float | None:
    """Seconds until the stage is at full quality and stays there for one; None if it never is."""
    began = time.monotonic()
    full_since: float | None = None
    while (now := time.monotonic()) - began < BACK_WITHIN:
        if await server.rung(stage) > 0:
            full_since = None
        elif full_since is None:
            full_since = now
        elif now - full_since >= 1:
            return round(full_since - began, 2)
        await asyncio.sleep(0.1)
    return None


async def _cycles(setting: Setting, server: ServerUnderTest, count: int) -> None:
    """Publishers and viewers that come and go, side by side."""
    setting.tell(f"{count} publishers and viewers come and go")
    times = ("--cycles", str(count))
    small = ("--size", "640x360", "--prepared", "--pictures", "15")
    async with (
        setting.publisher(server, STAGE, *small, *times) as sends,
        setting.viewer(server, STAGE, "--decode", *times) as sees,
    ):
        for each in (sends, sees):
            await each.event("result", within=20 + 5.0 * count)


async def _settled(server: ServerUnderTest) -> dict[str, float]:
    """What the server holds once nobody is connected any more."""
    await asyncio.sleep(PUT_AWAY)
    return await server.held()
