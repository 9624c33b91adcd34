"""Audience: one viewer of a stage while it lasts, and what he saw of it in figures."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av

from omote.clients import process, signalling
from omote.clients.place import Place
from omote.clients.publisher import only
from omote.clients.recording import Recording, codecs_for
from omote.clients.request import NotConnected, ask
from omote.clients.spectator import Spectator
from omote.clients.terminal import say
from omote.clients.ticker import Rate, Ticker
from omote.streams.decoder import Decoded
from omote.streams.encoder import Codec
from omote.streams.remark import SYNTHETIC

KEYFRAME_EVERY_S = 5.0
"In a recording: one cannot go to a place between two of them."
LOOK_EVERY_S = 0.5
"At whether a puppet is shown."


class Audience:
    """Watches a stage once; `told` then says what there was to see."""

    def __init__(self, place: Place, token: str | None) -> None:
        self._place = place
        self._token = token
        self._figures: dict[str, Any] = {"stage": place.stage}
        self._rate, self._bytes = Rate(), Rate()
        self._began = 0.0
        self.lost = False

    async def watch(self, stop: asyncio.Event, seconds: float | None) -> None:
        """Look at it, and keep nothing."""
        spectator = Spectator(_capabilities(("H264", "VP8")))
        spectator.hand_on(lambda codec, f: None, lambda codec, f: None, lambda kind, s, t: None)
        await self._attend(spectator, stop, seconds)

    async def show(
        self, draw: Callable[[av.VideoFrame], None], stop: asyncio.Event, seconds: float | None
    ) -> None:
        """Draw every picture, in the decoder's thread."""
        spectator = Spectator(_capabilities(("H264", "VP8")))

        def shown(decoded: Decoded) -> None:
            spectator.pictures += 1
            draw(decoded.video)

        spectator.decode(shown)
        await self._attend(spectator, stop, seconds)

    async def record(self, path: Path, stop: asyncio.Event, seconds: float | None) -> None:
        """Keep it as it comes; raises `UnfitFile`."""
        spectator = Spectator(_capabilities(codecs_for(path)))
        recording = Recording(path)
        spectator.hand_on(recording.picture, recording.sound, recording.clock)
        tasks = (
            asyncio.create_task(_ask_for_keyframes(spectator), name="keyframes"),
            asyncio.create_task(self._watch_for_puppets(recording), name="puppets"),
        )
        try:
            await self._attend(spectator, stop, seconds)
        finally:
            for task in tasks:
                task.cancel()
            recording.close()
        self._figures |= {"file": str(path) if recording.pictures else None}
        self._figures |= {"written": recording.pictures, "sizes": recording.sizes}
        self._figures |= {"synthetic": recording.remark is not None}
        if len(recording.sizes) > 1:
            say(f"the picture changed its size, some players stop there: {recording.sizes}")

    async def _attend(
        self, spectator: Spectator, stop: asyncio.Event, seconds: float | None
    ) -> None:
        try:
            connection = spectator.connection
            async with signalling.session(self._place.whep, connection, token=self._token) as lost:
                say(f"watching {self._place.whep}")
                self._began = time.monotonic()
                async with Ticker(lambda: self._line(spectator)):
                    await process.first(stop, lost, within=seconds)
                self.lost = lost.is_set()
                self._note(spectator)
        finally:
            await spectator.close()

    async def _line(self, spectator: Spectator) -> str:
        fps, kbps = self._rate.of(spectator.pictures), self._bytes.of(spectator.bytes) * 8 / 1e3
        age = await self._age()
        lost = spectator.losses.given_up
        return f"{fps:.1f} fps, {kbps:.0f} kbit/s, age {age} ms at the server, {lost} packets lost"

    async def _age(self) -> float | None:
        """The median that the server measures, milliseconds; None where it does not say."""
        age = await self._asked("stats", "age_p50_ms")
        self._figures["age_p50_ms"] = age
        return None if age is None else float(age)

    async def _watch_for_puppets(self, recording: Recording) -> None:
        """Have the file say that it is synthetic as soon as it is, also for a moment."""
        while not await self._asked("state", "synthetic"):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(LOOK_EVERY_S)
        recording.remark = SYNTHETIC
        say("a puppet is shown, the file will say so")

    async def _asked(self, part: str, key: str) -> Any:
        """What the server says of the stage; None where it does not."""
        try:
            answer = await ask("GET", self._place.itself, token=self._token)
            return json.loads(answer.body)[part][key]
        except (NotConnected, ValueError, KeyError, TypeError):
            return None

    def _note(self, spectator: Spectator) -> None:
        took = time.monotonic() - self._began
        self._figures |= {
            "seconds": round(took, 2),
            "frames": spectator.pictures,
            "fps": round(spectator.pictures / took, 1) if took else 0.0,
            "kbps": round(spectator.bytes * 8 / 1e3 / took) if took else 0,
            "codec": spectator.codec,
            "lost": spectator.losses.given_up,
            "recovered": spectator.losses.recovered,
        }

    def told(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return dict(self._figures)


def _capabilities(codecs: Sequence[Codec]) -> list[Any]:
    """What to offer, the best first; retransmission once."""
    offered = [x for codec in codecs for x in only(codec) if x.mimeType != "video/rtx"]
    return offered + [x for x in only(codecs[0]) if x.mimeType == "video/rtx"]


async def _ask_for_keyframes(spectator: Spectator) -> None:
    while True:
        await asyncio.sleep(KEYFRAME_EVERY_S)
        spectator.want_keyframe()
