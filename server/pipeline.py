"""Pipeline: the way of a frame through one stage, from its camera to its encoders.

One frame is in the chain and one in the encoder; everything else that waits is replaced by something
newer. Frames and orders take turns, so no effect sees its parameters move within a frame.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import av
import cv2

from omote.engines.chain import Chain, Turn
from omote.engines.depth.view import depth_view
from omote.engines.effect import Params, Rung
from omote.engines.model import UnknownModel
from omote.server.broadcast import Broadcast
from omote.server.camera import Camera, ClockCamera
from omote.server.depth_join import DepthJoin
from omote.server.depth_means import OwnDepth
from omote.server.ladder import Ladder
from omote.server.lead import Lead
from omote.server.orders import Invalid, Settings, settings_after, validate_params
from omote.server.scene import Scenery
from omote.server.slate import slate
from omote.server.stats import Stats
from omote.server.timeline import Timeline
from omote.server.workshop import Workshop
from omote.streams.frame import Frame, Picture, Scene, VideoPicture
from omote.streams.latest import Closed
from omote.streams.synchroniser import Match

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 1.0
"Seconds without a frame before viewers see the slate."
SLATE_EVERY = 0.2
"Seconds between two pictures of the slate."
LEAST_SLATE = 1 / 30
"The same when somebody asks for one, as whoever comes or lost a packet does."
STALE = 0.7
"Frame intervals a frame may have waited, under load, before the next one is the better one to take."
UNUSABLE = (av.FFmpegError, cv2.error, ValueError, RuntimeError)
"What a picture that cannot be opened raises; it is dropped and the stream goes on."


class Pipeline:
    """See the module. All methods belong to the event loop's thread but those that say otherwise."""

    def __init__(self, name: str, workshop: Workshop, settings: Settings) -> None:
        self.settings = settings
        self.params = validate_params(settings.effects, settings.params)
        self.stats = Stats()
        self.ladder = Ladder()
        self.chain = Chain(workshop.models, workshop.pixels, workshop.label)
        self.lead = Lead(name, workshop.drivers, self.chain)
        self.scenery = Scenery()
        self.depth = DepthJoin(OwnDepth(workshop.depth))
        self._given: Camera | None = None
        self._clock: ClockCamera | None = None
        self._name = name
        self._scene = Scene()
        self._workshop = workshop
        self._turn = asyncio.Lock()
        self._ordering = asyncio.Lock()
        self._closed = False
        self._built: tuple[str, ...] | None = None
        self._ready = False  # before the effects are there the bare picture is not shown
        self._looks = False
        self._wake = asyncio.Event()
        self.broadcast = Broadcast(self.stats, workshop.encoders, self._wake.set)
        self._time = Timeline(90_000)
        self._encoding: asyncio.Task[None] | None = None
        self._slate: av.VideoFrame | None = None
        self._slated = self._slate_due = 0.0  # when it was shown last, from when on it is to be
        self._complained = -1.0
        self._skipped = False
        self._interval = 1 / 30
        self._paced: tuple[int, float] | None = None  # index and second of the last frame taken
        self._task = asyncio.create_task(self._run(), name=f"stage.{name}")
        self._task.add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        """Never in silence: it ends when it is cancelled, or by a mistake of ours."""
        if not task.cancelled() and (mistake := task.exception()) is not None:
            logger.critical("stage %s has stopped", self._name, exc_info=mistake)

    @property
    def camera(self) -> Camera | None:
        """Where frames come from: what was given, or a clock where somebody else drives a puppet."""
        return self._given or (self._clock if self.needed else None)

    @property
    def scene(self) -> Scene:
        """What is known of the light: a message while it is fresh, or what an effect estimates."""
        told = self.scenery.now()
        return self._scene if told.origin == "none" and self._scene.origin == "estimate" else told

    def wake(self) -> None:
        """Somebody came: look again."""
        self._wake.set()

    def take_from(self, camera: Camera | None) -> None:
        """The stage's first camera, before anything has begun."""
        self._given = camera

    async def use_camera(self, camera: Camera | None) -> None:
        """Take frames from another camera from now on; the last one is closed."""
        before, self._given = self._given, camera
        self._wake.set()
        if before is not None:
            await before.close()
        async with self._turn:
            self.depth.other_camera()
            self.chain.reset()

    async def order(self, patch: Mapping[str, Any]) -> Settings:
        """Change what frames go through, between two of them; raises `Invalid` and changes nothing.

        Orders take turns too: each begins with what the one before it left.
        """
        async with self._ordering:
            if self._closed:
                raise Invalid([{"at": "", "message": "the stage has been removed"}])
            await self._apply(settings_after(self.settings, patch))
            return self.settings

    async def _apply(self, settings: Settings) -> None:
        params = validate_params(settings.effects, settings.params)
        self.lead.check(settings, params)
        if settings.effects != self._built:
            await self._rebuild(settings.effects, params)
        await self._use_driver(settings.stage.driver)
        self.settings, self.params = settings, params  # for the next frame
        await self._look_for_faces()
        self._wake.set()

    async def _use_driver(self, name: str | None) -> None:
        async with self._turn:
            self.lead.use(name)
        driven = name is not None and self.chain.synthetic
        self._clock = (self._clock or ClockCamera(self.seen)) if driven else None

    async def _look_for_faces(self) -> None:
        self._looks = wanted = self.lead.looks(self.settings)
        if wanted:
            await asyncio.to_thread(self.chain.load_tracker)
        async with self._turn:
            self.chain.follow_faces(wanted)
            if not self.chain.follows_faces:
                self.lead.forget()

    async def _rebuild(self, effects: tuple[str, ...], params: Mapping[str, Params]) -> None:
        try:
            built = await asyncio.to_thread(self.chain.build, effects)
        except (OSError, ValueError, RuntimeError, UnknownModel) as exc:
            raise Invalid([{"at": "effects", "message": str(exc)}]) from exc
        async with self._turn:
            self.chain.use(built, params)
            self._built, self._ready, self._slate = effects, True, None

    async def calibrate(self, wanted: bool) -> None:
        """Take the face of the next moment as neutral, or the calmest one; raises `Invalid`."""
        async with self._turn:
            self.lead.calibrate(wanted)

    async def close(self) -> None:
        """End the work, the camera and the viewers; a frame in a thread is waited for."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        camera, self._given = self._given, None
        self.lead.close()
        if camera is not None:
            await camera.close()
        await self.broadcast.close()
        with suppress(*UNUSABLE):
            await self._previous_encode()
        async with self._ordering, self._turn:
            self._closed = True
            self.chain.close()

    async def _run(self) -> None:
        async with self._ordering:
            try:
                await self._apply(self.settings)
            except Invalid as exc:
                logger.error(
                    "stage %s shows nothing until it is ordered otherwise: %s", self._name, exc
                )
        while True:
            try:
                await self._step()
            except UNUSABLE:
                self._complain()

    async def _step(self) -> None:
        waits = await self._frame_waits()
        if self._looks != self.lead.looks(self.settings):
            await self._look_for_faces()
        if not self.needed:
            await self._rest()
        elif waits:
            self._slate_due = time.monotonic() + PATIENCE
            await self._process()
        elif time.monotonic() >= max(self._slate_due, self._slated + LEAST_SLATE):
            await self._show_slate()

    @property
    def needed(self) -> bool:
        """Whether anybody has anything of the next frame."""
        watched = bool(self.broadcast.viewers) or self.settings.stage.share_faces
        return watched or self.lead.is_wanted

    async def _frame_waits(self) -> bool:
        """Whether a frame can be taken; waits for one, or for anything else to do."""
        pause = self._pause()
        if self.camera is not None and self._ready:
            try:
                async with asyncio.timeout(pause):
                    await self.camera.ready()
                return True
            except TimeoutError:
                return False
            except Closed:
                pass  # it may come back
        await self._woken(pause)
        return False

    def _pause(self) -> float:
        """Seconds until viewers should see the slate, or see it again."""
        if not self.needed:
            return PATIENCE
        return max(0.0, max(self._slate_due, self._slated + SLATE_EVERY) - time.monotonic())

    async def _woken(self, seconds: float) -> None:
        """Until somebody comes or asks for a keyframe, or that long."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    async def _rest(self) -> None:
        """Nobody watches: nothing is computed, and what passes by is not a loss."""
        await self._calm()
        if self.camera is not None:
            self.camera.take()

    async def _calm(self) -> None:
        """Full quality for whoever is next, also from the publisher."""
        if self.ladder.rung >= Rung.PUBLISHER and self.camera is not None:
            await self.camera.ask_for_less(None)
        self.ladder = Ladder()

    async def _show_slate(self) -> None:
        await self._calm()
        self.lead.forget()
        if self._slate is None:
            words = "waiting for the camera" if self._ready else "the effects cannot be loaded"
            picture = slate(self._workshop.pixels, words)
            self._slate = self._workshop.pixels.to_video(picture)
        await self._previous_encode()
        self._slated = time.monotonic()
        await self.broadcast.put(self._slate, self._time.at(self._slated), None)

    def _complain(self) -> None:
        now = time.monotonic()
        if now - self._complained >= 1.0:
            self._complained = now
            logger.exception("stage %s: a picture could not be used, going on", self._name)

    async def _process(self) -> None:
        """One frame through the chain; its encoding goes on beside the next one's chain."""
        loop = asyncio.get_running_loop()
        if self.camera is not None and self.ladder.rung < Rung.REUSE:
            await self.depth.waited(self.camera.newest(), self.settings.depth)
        async with self._workshop.turns.to_begin(), self._turn:
            camera = self.camera
            frame = camera.take() if camera is not None else None
            if camera is None or frame is None or self._skips():
                return
            self._pace(frame)
            frame = replace(frame, scene=self.scenery.now())
            self.lead.begin()
            self.chain.tune(self.params)
            ready, starved = camera.since, camera.starved
            if self.ladder.rung and time.monotonic() - ready > STALE * self._interval:
                return
            began = time.monotonic()
            ordered = self.settings
            match = self.depth.match(frame, ordered.depth)
            engines = self._workshop.engines
            work = loop.run_in_executor(engines, self._work, frame, match, ordered)
            turn, video = await to_its_end(work)
        self._note(frame, turn, began)
        await self._previous_encode()
        pts = self._time.of(camera, frame.pts, frame.time_base, frame.arrived)
        self._encoding = asyncio.create_task(
            self._encode(video, pts, frame.arrived, ready, starved),
            name=f"stage.{self._name}.encode",
        )

    async def _previous_encode(self) -> None:
        if self._encoding is not None:
            await asyncio.wait([self._encoding])
            encoding, self._encoding = self._encoding, None
            encoding.result()

    def _work(
        self, frame: Frame, match: Match | None, ordered: Settings
    ) -> tuple[Turn, av.VideoFrame]:
        """In an engine's thread: open the picture, run the chain, give it ready to encode."""
        pixels, rung = self._workshop.pixels, self.ladder.rung
        frame, took_ms = self._upright(frame, match, ordered)
        frame = self.lead.onto(frame)
        if ordered.stage.bypass or rung is Rung.PASS:
            turn = self.chain.faces_only(frame, rung) if self._looks else Turn(frame, {})
        elif not self.broadcast.viewers:
            turn = self.chain.faces_only(frame, rung)
        else:
            turn = self.chain(frame, rung)
        if took_ms is not None:
            turn = replace(turn, steps_ms={"depth": took_ms, **turn.steps_ms})
        result = shown(turn.frame)
        if rung is Rung.PASS and self.chain.conceals:
            result = pixels.veiled(result)
        if ordered.stage.view == "depth":
            result = depth_view(pixels, result, frame.depth)
        if rung is Rung.PASS:
            result = pixels.stamped(result, "effects paused")
        return turn, pixels.to_video(result)

    def _upright(
        self, frame: Frame, match: Match | None, ordered: Settings
    ) -> tuple[Frame, float | None]:
        """In an engine's thread: picture and depth as a viewer sees them; what depth took, ms."""
        pixels, picture = self._workshop.pixels, frame.picture
        assert isinstance(picture, VideoPicture)
        began, mirror = time.perf_counter(), ordered.stage.mirror
        rotation = (picture.rotation + ordered.stage.orientation) % 360
        taken, depth = self.depth.aligned(match, picture, rotation, ordered.depth, mirror)
        took = time.perf_counter() - began
        opened = pixels.from_video(VideoPicture(taken.video, rotation))
        if mirror:
            opened = pixels.mirrored(opened)
        if depth is None:
            began = time.perf_counter()
            depth = self.depth.estimated(pixels, opened, ordered.depth)
            took += time.perf_counter() - began
        frame = replace(frame, picture=opened, depth=depth, view=ordered.stage.view)
        return frame, took * 1e3 if depth is not None else None

    async def _encode(
        self, video: av.VideoFrame, pts: int, arrived: float, ready: float, starved: int
    ) -> None:
        async with self._workshop.turns.to_finish():
            await self.broadcast.put(video, pts, arrived)
        await self._climb(time.monotonic() - ready, starved)

    async def _climb(self, took: float, starved: int) -> None:
        """Tell the ladder how long a frame took from the decoder on, and do what it says.

        What the network took is not counted: no rung would mend it.
        """
        camera, before = self.camera, self.ladder.rung
        if camera is None:
            return
        ordered = self.settings.stage.budget_ms
        budget = ordered / 1e3 if ordered is not None else self._interval
        rung = self.ladder.frame(time.monotonic(), took, budget, camera.starved > starved)
        if (before >= Rung.PUBLISHER) != (rung >= Rung.PUBLISHER):
            await camera.ask_for_less(
                self.broadcast.bitrate // 3 if rung >= Rung.PUBLISHER else None
            )

    def _skips(self) -> bool:
        """At half rate, every second frame."""
        self._skipped = self.ladder.rung >= Rung.RATE and not self._skipped
        return self._skipped

    def _pace(self, frame: Frame) -> None:
        """Follow the camera's frame interval: it is the budget when none was ordered."""
        second = float(frame.pts * frame.time_base)
        before, self._paced = self._paced, (frame.index, second)
        if before is None or frame.index <= before[0]:
            return
        gap = (second - before[1]) / (frame.index - before[0])
        if 0.004 < gap < 0.5:
            self._interval += 0.05 * (min(gap, 1.5 * self._interval) - self._interval)

    def _note(self, frame: Frame, turn: Turn, began: float) -> None:
        stats = self.stats
        for name, took in turn.steps_ms.items():
            stats.step(name, took)
        stats.step("chain", (time.monotonic() - began) * 1e3)
        stats.step("wait", (began - frame.arrived) * 1e3)
        if (sighting := self.lead.note(turn)) is not None:
            stats.tracked.add(sighting.status == "tracked")
        self._scene = turn.frame.scene
        if (matte := turn.frame.matte) is not None:
            stats.matte_ages.add(matte.age_s * 1e3)
            stats.inferred.add(matte.age_s == 0)

    def seen(self, decode_ms: float | None) -> None:
        """A picture has come, whose decoding took so long, where that is known."""
        self.stats.arrived.add(1)
        if decode_ms is not None:
            self.stats.step("decode", decode_ms)


def shown(frame: Frame) -> Picture:
    """The inspection picture that was asked for, where there is one; otherwise the result."""
    view = frame.views.get(frame.view)
    return frame.picture if view is None else view


async def to_its_end(work: asyncio.Future[T]) -> T:
    """What a thread gives; it cannot be cancelled, so whoever is waits for its end all the same."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
