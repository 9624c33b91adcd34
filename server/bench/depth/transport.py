"""Transport: depth and colour over one connection, on links that delay and lose."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from aiortc import RTCDataChannel, RTCPeerConnection, RTCRtpSender

from omote.clients import clip, process, signalling
from omote.clients.camera import PreparedCamera, prepare
from omote.clients.pace import Pace, Start
from omote.clients.publisher import only
from omote.server.bench.bars import Bar, at_least, at_most
from omote.server.bench.depth.codec import FPS, drawn
from omote.server.bench.depth.result import CaseFailed, Result, Task
from omote.streams import interop
from omote.streams.channel import Channel
from omote.streams.decoder import Decoded
from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello, Steps
from omote.streams.depth_message import LABEL
from omote.streams.depth_receiver import DepthReceiver
from omote.streams.depth_sender import DepthSender, depth_channel
from omote.streams.link import Weather, expose
from omote.streams.tof import Sensor
from omote.streams.webrtc import Publisher

NEAR, FAR, ALONE = "no delay, 1 % loss", "40 ms round trip, 1 % loss", ", colour alone"
LINKS = {
    NEAR: (0.0, 0.01),
    FAR: (0.02, 0.01),
    "40 ms round trip, 3 % loss": (0.02, 0.03),
}
WARM_S = 2.0
TURNS = 4
"Runs with depth and without, in turn, that the colour of the second link is judged by."
WHAT = (
    "320x240 depth at 30 fps beside 640x360 colour, both ends in one process, loss and delay both ways;"
    " skipped and thinned frames count as not delivered; age from capture to decoded"
)


class Arrivals:
    """A sink that notes when each frame was there."""

    def __init__(self) -> None:
        self.depths: list[tuple[int, float]] = []
        self.pictures: list[tuple[int, float]] = []

    def hello(self, hello: Hello, origin: str) -> None:
        """See `DepthSink`."""

    def put(self, frame: DepthFrame) -> None:
        """See `DepthSink`."""
        self.depths.append((frame.index, time.monotonic()))

    def gone(self) -> None:
        """See `DepthSink`."""

    def picture(self, decoded: Decoded) -> None:
        """A picture was decoded."""
        self.pictures.append((decoded.timestamp, time.monotonic()))


def transport(task: Task) -> Result:
    """Every link with depth; the second in turn with and without, for the colour's sake."""
    maps = drawn((320, 240), Sensor(), task.seed)
    figures: dict[str, Any] = {}
    colour: dict[bool, list[float]] = {True: [], False: []}
    for name, (delay, loss) in LINKS.items():
        for turn in range(TURNS if name == FAR else 1):
            for beside in (True, False) if name == FAR else (True,):
                task.tell(f"{name}{'' if beside else ALONE}")
                weather = Weather(delay, loss, loss, seed=task.seed + turn)
                with asyncio.Runner(loop_factory=process.new_loop) as runner:
                    told, ages = runner.run(_run(maps if beside else [], weather, task.seconds))
                if name == FAR:
                    colour[beside] += ages
                figures.setdefault(name + ("" if beside else ALONE), told)
    figures["colour"] = _compared(colour[True], colour[False])
    return Result("transport", WHAT, figures, _bars(figures))


def _compared(beside: Sequence[float], alone: Sequence[float]) -> dict[str, Any]:
    """Ages of colour pictures with depth beside them and without, milliseconds.

    About one picture in twenty loses a packet and waits a round trip for it, so the 95th percentile
    lies on a step and says nothing; the mean and the 99th, beyond the step, do.
    """
    told: dict[str, Any] = {"pictures": [len(beside), len(alone)]}
    told["added_mean_ms"] = round(float(np.mean(beside) - np.mean(alone)), 2)
    for percent in (50, 90, 99):
        added = np.percentile(beside, percent) - np.percentile(alone, percent)
        told[f"added_p{percent}_ms"] = round(float(added), 1)
    return told


def _bars(figures: dict[str, Any]) -> list[Bar]:
    near, far, colour = figures[NEAR], figures[FAR], figures["colour"]
    return [
        at_least("transport: no delay, 1 % loss: share delivered", near["delivered"], 0.99),
        at_most("transport: no delay, 1 % loss: age p95, ms", near["age_p95_ms"], 40),
        at_least("transport: 40 ms, 1 % loss: depth frames a second", far["fps"], 10),
        at_most("transport: 40 ms, 1 % loss: age p95, ms", far["age_p95_ms"], 150),
        at_most("transport: the same in the last quarter", far["age_last_quarter_p95_ms"], 150),
        at_most("transport: depth adds to colour's mean age, ms", colour["added_mean_ms"], 2),
        at_most("transport: the same to its 99th percentile", colour["added_p99_ms"], 10),
    ]


async def _run(
    maps: list[Steps], weather: Weather, seconds: float
) -> tuple[dict[str, Any], list[float]]:
    """What is told, and the colour pictures' ages, milliseconds."""
    async with _connected(weather, bool(maps)) as (camera, sender, arrivals, origin):
        taken: dict[int, float] = {}
        pace, tasks = Pace(FPS, Start()), set[asyncio.Task[bool]]()
        began, cpu = time.monotonic(), time.process_time()
        while (now := time.monotonic()) < began + WARM_S + seconds:
            index = await pace.newest_turn()
            if sender is None:
                continue
            taken[index] = now = time.monotonic()
            steps = maps[index % len(maps)]
            frame = DepthFrame(steps, 0.001, round(now * CLOCK_HZ), "own", index, now)
            task = asyncio.create_task(sender.send(frame))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.5)
        cpu = time.process_time() - cpu
        told, ages = _colour(camera, arrivals, origin(), began + WARM_S)
        if sender is not None:
            told |= _depth(taken, arrivals, began + WARM_S, seconds)
            told |= {"sent": asdict(sender.sent), "rung": sender.rung}
        return told | {"cores": round(cpu / (seconds + WARM_S), 3)}, ages


def _depth(
    taken: dict[int, float], arrivals: Arrivals, since: float, seconds: float
) -> dict[str, Any]:
    ages = [
        (taken[index], (moment - taken[index]) * 1e3)
        for index, moment in arrivals.depths
        if taken[index] >= since
    ]
    values = np.array([age for _, age in ages])
    last = [age for moment, age in ages if moment >= since + 0.75 * seconds]
    if not last:
        raise CaseFailed("no depth came in the last quarter; was this process held up?")
    return {
        "delivered": round(len(ages) / sum(moment >= since for moment in taken.values()), 4),
        "fps": round(len(ages) / seconds, 1),
        "age_p50_ms": round(float(np.median(values)), 1),
        "age_p95_ms": round(float(np.percentile(values, 95)), 1),
        "age_last_quarter_p95_ms": round(float(np.percentile(last, 95)), 1),
    }


def _colour(
    camera: PreparedCamera, arrivals: Arrivals, origin: int, since: float
) -> tuple[dict[str, Any], list[float]]:
    """A picture's turn is known by its timestamp."""
    turns = [
        (((timestamp - origin) & 0xFFFFFFFF) // (CLOCK_HZ // FPS), moment)
        for timestamp, moment in arrivals.pictures
    ]
    moments = [moment for _, moment in camera.taken]
    ages = [
        (moment - moments[turn]) * 1e3
        for turn, moment in turns
        if turn < len(moments) and moments[turn] >= since
    ]
    told = {
        "colour_shown": round(len(ages) / max(1, sum(moment >= since for moment in moments)), 4),
        "colour_age_p50_ms": round(float(np.median(ages)), 1),
        "colour_age_p95_ms": round(float(np.percentile(ages, 95)), 1),
    }
    return told, ages


@asynccontextmanager
async def _connected(
    weather: Weather, with_depth: bool
) -> AsyncIterator[tuple[PreparedCamera, DepthSender | None, Arrivals, Callable[[], int]]]:
    here, there = signalling.new_connection(), signalling.new_connection()
    pictures = clip.pictures(clip.SYNTHETIC, (640, 360), FPS, 60)
    camera = PreparedCamera(prepare(pictures, "H264", 800_000, FPS, mark=False), FPS, Start())
    track = here.addTransceiver(camera, direction="sendonly")
    track.setCodecPreferences(only("H264"))
    interop.on_keyframe_request(track.sender, camera.ask_keyframe)
    arrivals, publisher, tasks = Arrivals(), Publisher(there, ""), list[asyncio.Task[None]]()
    publisher.on_picture = arrivals.picture

    def begin(channel: Channel) -> None:
        tasks.append(asyncio.create_task(DepthReceiver(channel, arrivals).run()))

    publisher.on_channel(LABEL, begin)
    channel = depth_channel(here) if with_depth else None
    await _introduce(here, there, publisher, weather)
    sender = await _sender(channel) if channel else None
    try:
        yield camera, sender, arrivals, lambda: _origin(track.sender, camera)
    finally:
        if sender is not None:
            await sender.close()
        await here.close()
        await publisher.close()
        await asyncio.gather(*tasks)


async def _introduce(
    here: RTCPeerConnection, there: RTCPeerConnection, publisher: Publisher, weather: Weather
) -> None:
    offer = await here.createOffer()
    interop.bind_media_to_loopback(here)
    expose(here, weather)
    await here.setLocalDescription(offer)
    await there.setRemoteDescription(here.localDescription)
    publisher.attach()
    interop.bind_media_to_loopback(there)
    expose(there, weather)
    await there.setLocalDescription(await there.createAnswer())
    await here.setRemoteDescription(there.localDescription)
    async with asyncio.timeout(30):
        await publisher.connected.wait()


async def _sender(channel: RTCDataChannel) -> DepthSender:
    noise = Sensor().near_m, Sensor().far_m
    sender = DepthSender(channel, Hello("own", noise_m=noise))
    async with asyncio.timeout(30):
        await sender.welcome()
    return sender


def _origin(sender: RTCRtpSender, camera: PreparedCamera) -> int:
    """RTP timestamp of turn 0, known by the newest picture that was sent."""
    ticks = (len(camera.taken) - 1) * CLOCK_HZ // FPS
    return (interop.sent_timestamp(sender) or 0) - ticks
