"""Contents: what an uploaded file really is, whatever its name or its sender says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av

AT_MOST_PIXELS = 40_000_000

_FORMATS = {
    "image/jpeg": "jpeg_pipe",
    "image/png": "png_pipe",
    "image/webp": "webp_pipe",
    "video/mp4": "mp4",
    "video/webm": "matroska",
}
_CODECS = {"mjpeg", "png", "webp", "h264", "hevc", "vp8", "vp9", "av1", "libdav1d"}


class Unusable(Exception):
    """Not a picture or film that can be used; the message says why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        "415 for another format, 422 for a broken file or one too large."


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file was found to be."""

    type: str
    "Media type."
    width: int
    height: int


def media_type(path: Path) -> str | None:
    """The type by the first bytes, or None when it is none of those accepted."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:8] == b"ftyp":
        return "video/mp4"
    if start.startswith(b"\x1aE\xdf\xa3") and b"webm" in start:
        return "video/webm"
    return None


def inspect(path: Path) -> Contents:
    """Decode the first picture; raises `Unusable`. Takes up to a second: keep it off the loop."""
    kind = media_type(path)
    if kind is None:
        raise Unusable(415, f"send one of {', '.join(_FORMATS)}")
    try:
        return _first_picture(path, kind)
    except (av.FFmpegError, StopIteration, IndexError) as exc:
        most = AT_MOST_PIXELS // 1_000_000
        detail = f"cannot be decoded as {kind}, or has more than {most} megapixels"
        raise Unusable(422, detail) from exc


def _first_picture(path: Path, kind: str) -> Contents:
    # The format is named, never guessed: a playlist would make FFmpeg fetch what it lists.
    # A picture that would fill the memory is refused from its header.
    options = {"max_pixels": str(AT_MOST_PIXELS), "protocol_whitelist": "file"}
    with av.open(path, format=_FORMATS[kind], options=options) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name not in _CODECS:
            raise Unusable(415, f"{context.name} pictures are not taken")
        context.options = {"max_pixels": str(AT_MOST_PIXELS)}
        frame = next(container.decode(stream))
        return Contents(kind, frame.width, frame.height)


def accepted() -> Mapping[str, str]:
    """Media types that are taken and what FFmpeg calls them."""
    return _FORMATS
