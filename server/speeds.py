"""Speeds: what models, codecs and the usual effects take here, in processor time of one thread."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice

import av
import numpy as np

from omote.engines import weights
from omote.engines.chain import Chain
from omote.engines.effect import Rung
from omote.engines.model import Models, UnknownModel
from omote.engines.onnx import BrokenModel, load
from omote.engines.pixels import CpuPixels
from omote.server.finding import Finding
from omote.server.orders import validate_params
from omote.streams.decoder import open_decoder
from omote.streams.encoder import CLOCK, Codec, open_encoder
from omote.streams.frame import Frame, VideoPicture
from omote.streams.packet import Packet
from omote.streams.source import medium_of

USUAL = ("matte", "background")
PICTURES = 24
FPS = 30
BITRATE = 2_500_000
AT_MOST_S = 0.6
"Of each model."
LEAST_RUNS = 3
OVERHEAD = 1.2
"A stage's processor time over that of its decoder, effects and encoder: network and loop."
USABLE = 0.85
"Of the processor; the rest is for everything else on the machine."


def findings(cores: int) -> Iterator[Finding]:
    """Models, codecs, effects, and how many stages that makes."""
    for name in weights.HASHES:
        yield _model(name)
    pictures = chart()
    steps: dict[str, float] = {}
    for codec in Codec.__args__:  # type: ignore[attr-defined]
        encode_ms, decode_ms = codec_ms(codec, pictures)
        steps.setdefault("encode", encode_ms)
        steps.setdefault("decode", decode_ms)
        words = f"720p: encodes in {encode_ms:.1f} ms, decodes in {decode_ms:.1f} ms"
        figures = {"encode_ms": round(encode_ms, 2), "decode_ms": round(decode_ms, 2)}
        yield Finding(codec, "works", words, figures)
    try:
        compiled_s, steps["effects"] = effects_ms(pictures)
    except (BrokenModel, UnknownModel) as exc:
        yield Finding("effects", "wrong", str(exc))
        return
    words = f"compiled or read from disk, and loaded, in {compiled_s:.1f} s"
    yield Finding("kernels", "works", words, {"ready_s": round(compiled_s, 2)})
    words = f"{' and '.join(USUAL)} at 720p: {steps['effects']:.1f} ms a frame"
    yield Finding("effects", "works", words, {"effects_ms": round(steps["effects"], 2)})
    yield _capacity(steps, cores)


def _capacity(steps: dict[str, float], cores: int) -> Finding:
    """How many stages of the usual kind there may be at once; an estimate from the above."""
    cores_each = sum(steps.values()) / 1e3 * FPS * OVERHEAD
    stages = int(cores * USABLE / cores_each)
    words = (
        f"about {stages} stages of 720p at {FPS} fps with background blur on {cores} cores"
        f" ({cores_each:.2f} of a core each)"
    )
    if stages == 0:
        words += "; one stage will step down its ladder, 640x360 is for this machine"
    figures = {"stages_720p30": stages, "cores_each": round(cores_each, 3), "cores": cores}
    return Finding("capacity", "works" if stages else "wrong", words, figures)


def _model(name: str) -> Finding:
    try:
        model = load(name)  # is it the file that was shipped, and does it run?
    except BrokenModel as exc:
        return Finding(f"model {name}", "wrong", str(exc))
    nothing = model.zeros()
    taken = median_ms(lambda: model(nothing))
    words = f"{taken:.1f} ms on one thread of the CPU"
    return Finding(f"model {name}", "works", words, {"p50_ms": round(taken, 2)})


def chart() -> list[av.VideoFrame]:
    """Pictures of a moving chart, yuv420p, 1280x720: harder to code than a talking head."""
    with medium_of("test:chart?size=1280x720&fps=30").open() as film:
        return list(islice(film.decode(video=0), PICTURES))


def codec_ms(codec: Codec, pictures: list[av.VideoFrame]) -> tuple[float, float]:
    """Medians for one picture: encode, decode."""
    encoder, decoder = open_encoder(codec, BITRATE), open_decoder(codec)
    encode: list[float] = []
    decode: list[float] = []
    for number, video in enumerate(pictures):
        began = time.thread_time()
        packet = encoder.encode(video, number * CLOCK.denominator // FPS, number == 0)
        encode.append(time.thread_time() - began)
        if packet is not None:
            coded: Packet = Packet(bytes(packet))
            began = time.thread_time()
            decoder.decode(coded)
            decode.append(time.thread_time() - began)
    return float(np.median(encode[1:])) * 1e3, float(np.median(decode[1:])) * 1e3


def effects_ms(pictures: list[av.VideoFrame]) -> tuple[float, float]:
    """Seconds until the usual effects are ready, and then the median of a frame, milliseconds."""
    began = time.perf_counter()
    pixels = CpuPixels()
    taken: list[float] = []
    with closing(Chain(Models(load), pixels)) as chain:
        chain.use(chain.build(USUAL), validate_params(USUAL, {}))
        for number, video in enumerate(pictures):
            before = time.process_time()
            picture = pixels.from_video(VideoPicture(video))
            turn = chain(Frame(picture, number * 3000, CLOCK, time.monotonic(), number), Rung.FULL)
            pixels.to_video(turn.frame.picture)
            taken.append(time.process_time() - before)
            if number == 1:
                ready = time.perf_counter() - began
    return ready, float(np.mean(taken[4:])) * 1e3


def median_ms(work: Callable[[], object]) -> float:
    """Of some runs, processor time of this thread."""
    taken: list[float] = []
    end = time.perf_counter() + AT_MOST_S
    while len(taken) < LEAST_RUNS or (time.perf_counter() < end and len(taken) < 50):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return float(np.median(taken)) * 1e3
