"""Backdrops: pictures and films that people uploaded to stand before."""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from omote.streams.frame import Picture, VideoPicture

logger = logging.getLogger(__name__)

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
"What a file may be called: never a path, because orders come from afar."

PATIENCE_S = 2.0
"How long the first picture of a film is waited for; no later one ever is."

Prepare = Callable[[VideoPicture], Picture]


def folder() -> Path:
    """Where uploads are: `backgrounds` in `OMOTE_DATA`, or else in the user's data folder."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(os.environ.get("OMOTE_DATA") or home / "omote") / "backgrounds"


def find(name: str) -> Path:
    """The upload of that name; raises `ValueError` if it is no name or there is none."""
    if not re.fullmatch(NAME, name):
        raise ValueError("the name of an uploaded background is wanted, not a path")
    path = folder() / name
    if not path.is_file():
        raise ValueError(f"no background of the name {name!r} was uploaded")
    return path


def picture(path: Path) -> VideoPicture:
    """A picture file, or the first of a film; raises `ValueError` if it cannot be decoded."""
    for first in pictures(path):
        return first
    raise ValueError(f"{path.name!r} cannot be decoded: there is no picture in it")


def pictures(path: Path) -> Iterator[VideoPicture]:
    """Every picture of a film, or the one of a file; raises `ValueError` if it cannot be decoded."""
    try:
        with av.open(path) as container:
            yield from map(_upright, container.decode(video=0))
    except (av.FFmpegError, IndexError) as exc:
        raise ValueError(f"{path.name!r} cannot be decoded: {exc}") from exc


def length(path: Path) -> int:
    """How many pictures a file has, as its header tells, 1 or more; raises as `pictures`."""
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            return max(1, stream.frames or round(seconds * float(stream.average_rate or 1)))
    except (av.FFmpegError, IndexError) as exc:
        raise ValueError(f"{path.name!r} cannot be decoded: {exc}") from exc


class Reel:
    """A film that runs in a loop, decoded in a thread of its own no faster than it is looked at."""

    def __init__(self, path: Path, prepare: Prepare) -> None:
        """`prepare` makes of each picture what is shown, in the thread."""
        self._path, self._prepare = path, prepare
        self._shown: Picture | None = None
        self._failure = "no picture yet"
        self._patience = PATIENCE_S
        self._ready, self._wanted = threading.Event(), threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reel {path.name}", daemon=True)
        self._thread.start()

    def now(self) -> Picture:
        """What it shows now; the first time it waits. Raises `ValueError` if there is nothing."""
        self._wanted.set()
        patience, self._patience = self._patience, 0.0
        self._ready.wait(patience)
        if self._shown is None:
            raise ValueError(f"the background {self._path.name!r} cannot be shown: {self._failure}")
        return self._shown

    def close(self) -> None:
        """End the thread and wait for it."""
        self._closed.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._shown_once():
                pass
        except (av.FFmpegError, IndexError, ValueError) as exc:
            self._failure = str(exc)
            logger.warning("the background %s stopped: %s", self._path.name, exc)
        finally:
            self._ready.set()

    def _shown_once(self) -> bool:
        """From its beginning to its end; False once closed, or if it is but one picture."""
        began, first, shown = time.monotonic(), 0.0, 0
        with av.open(self._path) as container:
            for video in container.decode(video=0):
                at = video.time or 0.0
                if shown == 0:
                    first = at
                began = max(began, time.monotonic() - (at - first) - 1)  # it was not looked at
                self._wait(began + at - first - time.monotonic())
                if self._closed.is_set():
                    return False
                self._shown = self._prepare(_upright(video))
                self._ready.set()
                shown += 1
        return shown > 1

    def _wait(self, seconds: float) -> None:
        """Until it is time for the next picture, and somebody looks."""
        self._closed.wait(max(seconds, 0))
        self._wanted.wait()
        self._wanted.clear()


def _upright(video: av.VideoFrame) -> VideoPicture:
    turns = round(-video.rotation / 90) % 4
    return VideoPicture(video, turns * 90)
