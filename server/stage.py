"""Stage: one named live stream: who publishes, who watches, and what was ordered of it."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from omote.engines.faces.driven import Report
from omote.server.bell import Bell
from omote.server.camera import Camera, PublisherCamera, SourceCamera
from omote.server.depth_inlet import DepthInlet, Second
from omote.server.driver import MESSAGES, MessageDriver
from omote.server.face import origin, read_calibrate, told
from omote.server.orders import NOT_SETTINGS, Invalid, Settings
from omote.server.pipeline import Pipeline
from omote.server.scene import read_scene
from omote.server.stats import rounded
from omote.server.timeline import Timeline
from omote.server.workshop import Workshop
from omote.streams.frame import Scene
from omote.streams.packet import Packet
from omote.streams.source import open_source, retrying
from omote.streams.webrtc import Publisher, Refused, Viewer

VERSION = version("omote")


class Occupied(Exception):
    """Somebody publishes to this stage already."""


class Stage:
    """Lives from its first mention until it is removed. Belongs to the event loop's thread."""

    def __init__(
        self,
        name: str,
        workshop: Workshop,
        settings: Settings,
        save: Callable[[Settings], None],
        source_url: str | None = None,
        bell: Bell | None = None,
    ) -> None:
        self.name = name
        self.bell = bell or Bell()
        "Rings when an order has changed something."
        self.closed = asyncio.Event()
        self._workshop = workshop
        self._save = save
        self._source_url = source_url
        self._entrance = asyncio.Lock()
        self._audio_time = Timeline(48_000)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pipeline = Pipeline(name, workshop, settings)
        self._depth = DepthInlet(self._pipeline.depth.synchroniser)
        if source_url is not None:
            self._pipeline.take_from(self._own_camera(source_url))

    async def publish(
        self, offer: str, *, takeover: bool = False, second: Second | None = None
    ) -> Publisher:
        """Answer a publisher; raises `Occupied` or `omote.streams.webrtc.Refused`.

        `second` is what its second picture means; without, that is declined.
        """
        async with self._entrance:
            self._check_open()
            if self._publisher is not None and not takeover:
                raise Occupied(f"stage {self.name} has a publisher; ?takeover=true replaces it")
            if second == "right" and self._workshop.depth.stereo is None:
                raise Refused(422, "no stereo camera is known here; give --stereo its calibration")
            told = self._depth.second(second) if second else None
            publisher = await self._workshop.signalling.publisher(offer, told)
            publisher.on_audio = self._sound
            await self._pipeline.use_camera(PublisherCamera(publisher, self._pipeline.seen))
            self._depth.gone()  # whose place was taken
            self._depth.offer(publisher)
        self._start(self._see_off(publisher), "publisher")
        return publisher

    async def view(self, offer: str) -> Viewer:
        """Answer a viewer; raises `omote.streams.webrtc.Refused`."""
        self._check_open()
        broadcast = self._pipeline.broadcast
        viewer = await self._workshop.signalling.viewer(offer, broadcast.track_for, broadcast.sound)
        if self.closed.is_set():
            await viewer.close()
            self._check_open()
        broadcast.viewers.add(viewer)
        self._pipeline.wake()
        self._start(self._see_out(viewer), "viewer")
        return viewer

    async def order(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a merge patch whole and return the state; raises `Invalid` and changes nothing."""
        scene = None if patch.get("scene") is None else read_scene(patch["scene"])
        calibrate = read_calibrate(patch.get("calibrate"))
        if patch.keys() - NOT_SETTINGS:
            self._save(await self._pipeline.order(patch))
        if "calibrate" in patch:
            await self._pipeline.calibrate(calibrate)
        if "scene" in patch:
            self._pipeline.scenery.tell(scene)
        self.bell.ring()
        return self.state()

    async def close(self) -> None:
        """End the camera, the viewers and the work; who comes later is refused."""
        async with self._entrance:
            self.closed.set()
            self.bell.ring()
            await self._pipeline.close()
            await self._depth.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def state(self) -> dict[str, Any]:
        """What is retained: settings with every default filled in, and who is here."""
        pipeline, publisher = self._pipeline, self._publisher
        connected = publisher is not None and publisher.connected.is_set()
        params = {name: model.model_dump(mode="json") for name, model in pipeline.params.items()}
        return {
            "online": True,
            "publisher": "connected" if connected else "waiting",
            "source": self._source_url,
            "viewers": len(pipeline.broadcast.viewers),
            "effects": list(pipeline.settings.effects),
            "params": params,
            "stage": pipeline.settings.stage.model_dump(mode="json"),
            "scene": _shown(pipeline.scene),
            "depth": {
                **pipeline.depth.state(pipeline.settings.depth),
                **self._depth.state(),
            },
            "rung": int(pipeline.ladder.rung),
            "models": pipeline.chain.models(),
            "synthetic": pipeline.chain.synthetic,
            "face": self._face_state(),
            "mqtt": self._workshop.mqtt,
            "version": VERSION,
        }

    def stats(self) -> dict[str, Any]:
        """Rates and quantiles over the last five seconds."""
        pipeline, camera = self._pipeline, self._pipeline.camera
        driver = pipeline.lead.driver
        return {
            **pipeline.stats.report(),
            "dropped_undecoded": camera.dropped_undecoded if camera else 0,
            "dropped_newest": camera.dropped_newest if camera else 0,
            "driver_fps": round(driver.fps, 1) if driver else None,
            "driver_age_ms": rounded(driver.age_ms) if driver else None,
            "effect_errors": dict(pipeline.chain.errors),
            "rung": int(pipeline.ladder.rung),
            "viewers": len(pipeline.broadcast.viewers),
            "loop_lag_p95_ms": self._workshop.loop_lag.rounded_quantile(0.95),
            "depth": {**pipeline.depth.stats(), **self._depth.stats()},
        }

    def face(self) -> dict[str, Any] | None:
        """What is told of the face in the latest frame; None unless that was ordered."""
        if not self._pipeline.settings.stage.share_faces:
            return None
        seen = self._pipeline.lead.sighting
        if seen is None:
            return told(None, "lost", 0.0)
        return told(seen.face, seen.status, seen.second)

    def tell_face(self, report: Report | None) -> None:
        """Move the puppet as somebody else's tracker says, None: nobody is there; raises `Invalid`."""
        driver = self._pipeline.lead.driver
        if not isinstance(driver, MessageDriver):
            words = f'messages drive nothing here: order {{"stage": {{"driver": "{MESSAGES}"}}}}'
            raise Invalid([{"at": "stage.driver", "message": words}])
        driver.take(report)

    def _face_state(self) -> dict[str, Any] | None:
        pipeline = self._pipeline
        if pipeline.chain.face_status is None and pipeline.lead.driver is None:
            return None
        seen = pipeline.lead.sighting
        face, status = (seen.face, seen.status) if seen else (None, "lost")
        of = pipeline.lead.driver.origin if pipeline.lead.driver else "camera"
        return {"status": status, "neutral": origin(face), "origin": of}

    def age_buckets(self) -> list[tuple[float, int]]:
        """(upper bound in milliseconds, cumulative count) of the age of every frame that left."""
        return self._pipeline.stats.age_histogram.buckets()

    def age_sum_ms(self) -> float:
        """Of all ages that are counted, milliseconds."""
        return self._pipeline.stats.age_histogram.sum_ms

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise Refused(404, f"stage {self.name} has been removed")

    @property
    def _publisher(self) -> Publisher | None:
        camera = self._pipeline.camera
        return camera.publisher if isinstance(camera, PublisherCamera) else None

    async def _see_off(self, publisher: Publisher) -> None:
        await publisher.closed.wait()
        async with self._entrance:
            if self._publisher is publisher:
                self._depth.gone()
                await self._pipeline.use_camera(self._own_camera(self._source_url))
        self._workshop.tidy()

    async def _see_out(self, viewer: Viewer) -> None:
        await viewer.closed.wait()
        self._pipeline.broadcast.viewers.discard(viewer)
        self._workshop.tidy()

    def _own_camera(self, url: str | None) -> Camera | None:
        return (
            SourceCamera(retrying(lambda: open_source(url)), self._pipeline.seen) if url else None
        )

    def _sound(self, packet: Packet) -> None:
        """Sound leaves as late as the picture, so that lips and words stay together."""
        assert packet.pts is not None and packet.time_base is not None
        camera, now = self._pipeline.camera, time.monotonic()
        packet.pts = self._audio_time.of(camera, packet.pts, packet.time_base, now)
        age_ms = self._pipeline.stats.ages.quantile(0.5) or 0.0
        self._pipeline.broadcast.put_sound(packet, age_ms / 1e3)

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"stage.{self.name}.{what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _shown(scene: Scene) -> dict[str, Any]:
    return {key: value for key, value in asdict(scene).items() if key != "since"}
