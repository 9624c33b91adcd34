"""Depth join: puts depth to pictures on their way into the chain, and says how that goes."""

import time
from typing import Any

import numpy as np

from omote.engines.depth.alignment import Alignment, upright
from omote.engines.depth.registration import Registered
from omote.engines.pixels import Pixels
from omote.server.depth_means import DepthMeans, OwnDepth
from omote.server.orders import DepthSettings
from omote.server.stats import Window, rounded
from omote.streams.calibration import BadCalibration
from omote.streams.depth import DepthFrame, Hello
from omote.streams.frame import Depth, Frame, Fusing, Picture, VideoPicture
from omote.streams.synchroniser import Limits, Match, Synchroniser


class DepthJoin:
    """Belongs to the event loop's thread, but for `aligned`."""

    def __init__(self, own: OwnDepth | None = None) -> None:
        self._own = own or OwnDepth(DepthMeans())
        self.synchroniser = Synchroniser()
        self.why = "nobody sends depth"
        "Why no depth that was sent went to the last picture; empty when it did."
        self.made: str | None = None
        "How the server makes depth itself, if it does: `stereo` or `network`."
        self._alignment = Alignment()
        self._calibrated: Hello | None = None
        self._refused = ""
        self._used, self._skews, self._waits = Window(), Window(), Window()
        self._valids, self._ages = Window(), Window()
        self._noted = -1

    async def waited(self, frame: Frame | None, ordered: DepthSettings) -> None:
        """Wait for the depth of the picture that will be taken next, where it promises to come."""
        if frame is None or not ordered.enabled or self.synchroniser.origin is None:
            return
        began, second = time.monotonic(), _second(frame)
        self._note(frame, began)
        await self.synchroniser.settled(second, ordered.wait_ms / 1e3)
        self._waits.add((time.monotonic() - began) * 1e3)

    def match(self, frame: Frame, ordered: DepthSettings) -> Match | None:
        """The depth frame of a picture; without one, `why` says why."""
        self._note(frame, time.monotonic())
        found = self._match(frame, ordered)
        self._used.add(found is not None)
        if found is not None:
            self._skews.add(found.skew_s * 1e3)
            self._ages.add((time.monotonic() - found.frame.arrived) * 1e3)
        return found

    def _match(self, frame: Frame, ordered: DepthSettings) -> Match | None:
        sync = self.synchroniser
        self.why = "turned off" if not ordered.enabled else self._calibrate()
        if self.why:
            return None
        found = sync.match(_second(frame), limits(ordered))
        nearest = sync.nearest_s(_second(frame))
        if nearest is None:
            self.why = "no depth has come yet"
        elif found is None:
            self.why = "no depth in time"
        return found

    def _calibrate(self) -> str:
        """Follow what the sender says of its cameras; what is wrong with it, if anything is."""
        if self.synchroniser.origin is None:
            return "nobody sends depth"
        told = self.synchroniser.told
        if told is not self._calibrated:
            self._calibrated, self._refused = told, ""
            try:
                self._alignment.calibrate(told.calibration if told is not None else None)
            except BadCalibration as exc:
                self._refused = f"the calibration cannot be used: {exc}"
        return self._refused

    def aligned(
        self,
        match: Match | None,
        picture: VideoPicture,
        rotation: int,
        ordered: DepthSettings,
        mirror: bool,
    ) -> tuple[VideoPicture, Depth | None]:
        """In an engine's thread: a picture, of two side by side the left one, and its depth.

        The depth is turned and mirrored as the picture will be.
        """
        parted = self._own.parted(picture)
        self.made = None
        if parted is not None:
            left, seen = parted
            depth = _turned(seen, rotation, mirror, ordered)
            return left, self._noted_as(depth, seen.valid) if ordered.enabled else None
        if match is None:
            return picture, None
        return picture, self._matched(match, picture, rotation, ordered, mirror)

    def estimated(self, pixels: Pixels, picture: Picture, ordered: DepthSettings) -> Depth | None:
        """In an engine's thread: the depth of an upright picture to which nobody sends any."""
        if not ordered.enabled or self.synchroniser.origin is not None:
            return None
        depth = self._own.estimated(pixels, picture, fusing(ordered))
        return None if depth is None else self._noted_as(depth, 1.0)

    def _noted_as(self, depth: Depth, valid: float) -> Depth:
        self.made = depth.origin
        self._valids.add(valid)
        return depth

    def _matched(
        self,
        match: Match,
        picture: VideoPicture,
        rotation: int,
        ordered: DepthSettings,
        mirror: bool,
    ) -> Depth:
        made = self._registered(match.frame, picture, ordered)
        self._valids.add(made.valid)
        sure = made.confidence
        return Depth(
            upright(made.metres, rotation, mirror),
            None if sure is None else upright(sure, rotation, mirror),
            match.skew_s,
            match.frame.origin,
            weight(match, limits(ordered)),
            fusing(ordered),
        )

    def _registered(
        self, frame: DepthFrame, picture: VideoPicture, ordered: DepthSettings
    ) -> Registered:
        if frame.right is not None:
            return self._own.paired(picture, frame.right)
        size = picture.width, picture.height
        return self._alignment(frame, size, ordered.interpolation, ordered.blur)

    def state(self, ordered: DepthSettings) -> dict[str, Any]:
        """What is ordered, and what has become of it."""
        return {
            **ordered.model_dump(mode="json"),
            "age_ms": rounded(self._ages.quantile(0.5)),
            "skew_ms": rounded(self._skews.quantile(0.5)),
            "valid": rounded(self._valids.mean(), 2),
            "used": not self.why or self.made is not None,
            "why": self.why if self.made is None else "",
            "made": self.made,
        }

    def stats(self) -> dict[str, Any]:
        """Figures of the last seconds; None without depth."""
        apart = self.synchroniser.apart
        late = [abs(skew) for skew in self._skews.values()]
        return {
            "used_share": rounded(self._used.mean(), 2),
            "skew_p50_ms": rounded(self._skews.quantile(0.5)),
            "skew_p95_ms": rounded(float(np.percentile(late, 95)) if late else None),
            "offset_ms": round(apart.ahead_s * 1e3, 1),
            "doubt_ms": round(apart.doubt_s * 1e3, 1),
            "waited_ms": rounded(self._waits.mean()),
            "valid": rounded(self._valids.mean(), 2),
        }

    def other_camera(self) -> None:
        """Pictures come from somewhere else from now on."""
        self.synchroniser.other_camera()
        self._noted = -1

    def _note(self, frame: Frame, now: float) -> None:
        if frame.index != self._noted:
            self._noted = frame.index
            self.synchroniser.picture(_second(frame), frame.arrived, now)


def _turned(seen: Registered, rotation: int, mirror: bool, ordered: DepthSettings) -> Depth:
    sure = seen.confidence
    return Depth(
        upright(seen.metres, rotation, mirror),
        None if sure is None else upright(sure, rotation, mirror),
        0.0,
        "stereo",
        1.0,
        fusing(ordered),
    )


def limits(ordered: DepthSettings) -> Limits:
    """In seconds."""
    skew = ordered.max_skew_ms
    return Limits(None if skew is None else skew / 1e3, ordered.max_age_ms / 1e3)


def fusing(ordered: DepthSettings) -> Fusing:
    """What effects need to know of it."""
    far = ordered.far_m
    return Fusing(
        ordered.fusion,
        ordered.near_m,
        None if far is None else max(far, ordered.near_m + 0.1),
        ordered.threshold,
        ordered.normalise,
        ordered.percentile,
    )


def weight(match: Match, limits: Limits) -> float:
    """Full when it is in time; the longer it is held, the less."""
    if not match.held or limits.max_age_s <= 0:
        return 1.0
    return max(0.0, 1 + match.skew_s / limits.max_age_s)


def _second(frame: Frame) -> float:
    return float(frame.pts * frame.time_base)
