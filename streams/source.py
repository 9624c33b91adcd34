"""Source: frames from anywhere but WebRTC, chosen by a URL's scheme, and reopened when they end."""

import asyncio
import logging
import math
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from omote.streams.capture import capture
from omote.streams.frame import Frame
from omote.streams.medium import Medium, SourceError
from omote.streams.pattern import pattern

__all__ = ["Source", "SourceError", "medium_of", "open_source", "retrying"]

logger = logging.getLogger(__name__)

Source = AsyncGenerator[Frame, None]
"A source is an async generator of frames, nothing more: it runs until it ends or fails."

PATIENCE_S = 5.0
"A network source that gives nothing for so long is broken."
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
"Between two attempts to reopen a source; doubled from the first to the longest."


def open_source(url: str) -> Source:
    """A source by the scheme of its URL; nothing is opened before the first frame is asked for.

    A path or `file:` (in its own time, for ever), `rtsp:`, `rtsps:`, `http:`, `https:`, and
    `v4l2:/dev/video0?size=1280x720&fps=30&format=mjpeg`, `test:chart`. Sound is left out.
    Raises `SourceError` for what can never be opened: another scheme, a missing file.
    """
    return capture(medium_of(url))


async def retrying(open: Callable[[], Source], pause: float = FIRST_PAUSE_S) -> Source:
    """A source that comes back: opened again, after a pause in seconds, when it ends or fails.

    `index` goes on counting and pts go on by the time that passed, whatever the new one says.
    """
    given: _Given | None = None
    wait = pause
    while True:
        reason = "it ended"
        try:
            async with aclosing(open()) as source:
                shift: _Shift | None = None
                async for frame in source:
                    shift = shift or _shift(given, frame)
                    frame = replace(
                        frame, index=frame.index + shift.index, pts=frame.pts + shift.pts
                    )
                    yield frame
                    given, wait = _Given.of(frame), pause
        except SourceError as exc:
            reason = str(exc)
        logger.warning("source lost, next attempt in %g s: %s", wait, reason)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_PAUSE_S)


def medium_of(url: str) -> Medium:
    """What a URL means to FFmpeg; raises `SourceError` for what can never be opened."""
    scheme, _, rest = url.partition(":")
    if "/" in scheme or not rest or Path(url).is_file():
        return _file(Path(url))
    known = _SCHEMES.get(scheme.lower())
    if known is None:
        raise SourceError(f"no source of scheme {scheme!r}; there are {', '.join(_SCHEMES)}")
    return known(url)


def _file(path: Path) -> Medium:
    if not path.is_file():
        raise SourceError(f"no file {path}; give the path of a film or a picture")
    # An absolute path, so that a colon in its name is not taken for a protocol.
    return Medium(str(path.resolve()), str(path), "does a player open it?", recorded=True)


def _file_url(url: str) -> Medium:
    return _file(Path(unquote(url.partition(":")[2].removeprefix("//"))))


def _rtsp(url: str) -> Medium:
    # Not `fflags=nobuffer`: it would throw away the keyframe that came while the stream was analysed.
    options = {"rtsp_transport": "tcp", "allowed_media_types": "video"}
    options |= {"analyzeduration": "1000000", "fpsprobesize": "0"}
    name, advice = _public(url), "is the camera on, and are address and password right?"
    return Medium(
        url, name, advice, "rtsp", options, recorded=False, sliced=True, patience_s=PATIENCE_S
    )


def _http(url: str) -> Medium:
    return Medium(url, _public(url), "does a player open it?", patience_s=PATIENCE_S)


def _v4l2(url: str) -> Medium:
    parts = urlsplit(url)
    if not parts.path.startswith("/"):
        raise SourceError(f"{url}: name the device, such as v4l2:/dev/video0")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := set(asked) - set(_V4L2):
        raise SourceError(
            f"{url}: unknown {', '.join(sorted(unknown))}; there are size, fps, format"
        )
    for key, value in asked.items():
        if not re.fullmatch(_V4L2[key].form, value):
            raise SourceError(f"{url}: {key} must be like {_V4L2[key].example}")
    options = {_V4L2[key].option: value for key, value in asked.items()}
    advice = "is the camera plugged in, free, and may this user read it (group `video`)?"
    return Medium(parts.path, url, advice, "v4l2", options, recorded=False)


def _public(url: str) -> str:
    """The URL without its password."""
    return re.sub(r"(?<=://)([^/@]*):[^/]*@", r"\1@", url)


_SCHEMES: Mapping[str, Callable[[str], Medium]] = {
    "file": _file_url,
    "rtsp": _rtsp,
    "rtsps": _rtsp,
    "http": _http,
    "https": _http,
    "v4l2": _v4l2,
    "test": pattern,
}


@dataclass(frozen=True, slots=True)
class _Knob:
    """A setting of a camera: its option of FFmpeg's v4l2 device, and how it is written."""

    option: str
    form: str
    example: str


_V4L2 = {
    "size": _Knob("video_size", r"\d+x\d+", "1280x720"),
    "fps": _Knob("framerate", r"\d+(\.\d+|/\d+)?", "30"),
    "format": _Knob("input_format", r"[a-z0-9_]+", "mjpeg"),
}


@dataclass(frozen=True, slots=True)
class _Given:
    """The last frame given on: where the next opening goes on from."""

    index: int
    second: Fraction
    arrived: float

    @classmethod
    def of(cls, frame: Frame) -> "_Given":
        return cls(frame.index, frame.pts * frame.time_base, frame.arrived)


@dataclass(frozen=True, slots=True)
class _Shift:
    """What is added to a reopened source's own counting."""

    index: int
    pts: int


def _shift(given: _Given | None, first: Frame) -> _Shift:
    if given is None:
        return _Shift(0, 0)
    passed = Fraction(first.arrived - given.arrived)
    due = math.floor((given.second + passed) / first.time_base) + 1
    return _Shift(given.index + 1 - first.index, due - first.pts)
