"""`omote bench encoder`: what each preset costs and gives, with the settings of `streams/encoder`."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import av
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from omote.clients.clip import pictures, to_and_fro
from omote.clients.marks import Luma, luma_of
from omote.server.bench.machine import processor
from omote.server.bench.material import material
from omote.streams.decoder import open_decoder
from omote.streams.encoder import CLOCK, Codec, Encoder, H264Encoder, Vp8Encoder
from omote.streams.packet import Packet

SIZE = (1280, 720)
FPS = 30
BITRATE = 2_500_000
"bit/s, what a 720p stage aims at."
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "medium")
SPEEDS = ("-4", "-6", "-8", "-12", "-16")


class PresetH264(H264Encoder):
    """The stage's encoder with another preset."""

    def __init__(self, bitrate: int, preset: str) -> None:
        super().__init__(bitrate)
        self._preset = preset

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        context = super()._open(width, height)
        context.options = {**context.options, "preset": self._preset}
        return context


class SpeedVp8(Vp8Encoder):
    """The stage's encoder with another speed, `cpu-used`."""

    def __init__(self, bitrate: int, speed: str) -> None:
        super().__init__(bitrate)
        self._speed = speed

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        context = super()._open(width, height)
        context.options = {**context.options, "cpu-used": self._speed}
        return context


@dataclass(frozen=True, slots=True)
class Row:
    """One preset."""

    codec: Codec
    preset: str
    cpu_p50_ms: float
    "Processor time of one picture, median."
    cpu_p95_ms: float
    kbps: float
    psnr_db: float
    "Of luma, over all pictures."


def encoder(
    clip: Annotated[str | None, typer.Option(help="Video, picture or `synthetic`.")] = None,
    count: Annotated[int, typer.Option(min=5, help="Pictures of it, shown to and fro.")] = 45,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Compare encoder presets on one 720p clip at 2.5 Mbit/s, one thread each."""
    console = Console(stderr=True)
    found = material(clip)
    console.print(f"{processor()}; clip: {found.words}")
    shown = pictures(found.clip, SIZE, FPS, count)
    rows = [measure("H264", preset, PresetH264(BITRATE, preset), shown) for preset in PRESETS]
    rows += [measure("VP8", speed, SpeedVp8(BITRATE, speed), shown) for speed in SPEEDS]
    console.print(_table(rows))
    if as_json:
        report = {"processor": processor(), "clip": found.words}
        print(json.dumps(report | {"presets": [asdict(row) for row in rows]}, indent=2))


def measure(codec: Codec, preset: str, tried: Encoder, shown: Sequence[av.VideoFrame]) -> Row:
    """Encode the clip to and fro, and compare what a decoder makes of it."""
    decoder = open_decoder(codec)
    spent: list[float] = []
    errors: list[float] = []
    size = 0
    order = to_and_fro(len(shown))
    for number, index in enumerate(order):
        before = time.thread_time()
        packet = tried.encode(shown[index], number * CLOCK.denominator // FPS, number == 0)
        spent.append((time.thread_time() - before) * 1e3)
        if packet is not None:
            size += packet.size
            errors += [_error(luma_of(shown[index]), seen) for seen in _decoded(decoder, packet)]
    median, late = np.percentile(spent[1:], [50, 95])  # the first one opens the encoder
    kbps = size * 8 * FPS / len(order) / 1e3
    quality = 10 * np.log10(255**2 / np.mean(errors))
    return Row(codec, preset, *(round(float(x), 2) for x in (median, late, kbps, quality)))


def _decoded(decoder: av.VideoCodecContext, packet: Packet) -> list[Luma]:
    return [luma_of(video) for video in decoder.decode(Packet(bytes(packet)))]


def _error(there: Luma, here: Luma) -> float:
    return float(np.mean((there.astype(np.float32) - here) ** 2))


def _table(rows: Sequence[Row]) -> Table:
    table = Table("codec", "preset", "cpu p50 ms", "cpu p95 ms", "kbit/s", "PSNR dB")
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table
