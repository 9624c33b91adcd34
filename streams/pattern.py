"""Pattern: moving pictures that need no camera: a test chart, or a slow camera over a still.

test:chart                                  FFmpeg's chart, with a clock
test:portrait.jpg?size=1280x720&fps=30      that picture, to and fro
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from omote.streams.medium import Medium, SourceError

SIZE, FPS = "1280x720", "30"
_FORMS = {"size": r"[1-9]\d{1,3}x[1-9]\d{1,3}", "fps": r"[1-9]\d?"}


def pattern(url: str) -> Medium:
    """What `test:...` means to FFmpeg's filters; raises `SourceError`."""
    what, _, query = url.partition(":")[2].partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in asked.items():
        if not re.fullmatch(_FORMS.get(key, "$."), value):
            raise SourceError(f"{url}: write size=WxH and fps=N, such as size={SIZE}&fps={FPS}")
    size, fps = asked.get("size", SIZE), asked.get("fps", FPS)
    width, height = (int(side) for side in size.split("x"))
    if what == "chart":
        graph = f"testsrc2=size={size}:rate={fps}"
    elif Path(what).is_file():
        graph = _over(Path(what).resolve(), width, height, fps)
    else:
        raise SourceError(f"{url}: write test:chart, or the path of a picture after test:")
    return Medium(graph, url, "is it a picture?", "lavfi", recorded=True)


def _over(picture: Path, width: int, height: int, fps: str) -> str:
    """The picture a little larger than what is seen of it, which moves to and fro."""
    larger = f"{width * 27 // 25}:{height * 27 // 25}:force_original_aspect_ratio=increase"
    seen = f"{width}:{height}:x='(iw-ow)/2*(1+sin(t/3))':y='(ih-oh)*(0.06+0.05*sin(t/2))'"
    still = f"movie=filename={_quoted(str(picture))},loop=loop=-1:size=1"
    timed = f"setpts=N/({fps}*TB),fps={fps}"
    return f"{still},{timed},scale={larger},crop={seen},format=yuv420p"


def _quoted(path: str) -> str:
    """A file's name as FFmpeg's filter graphs take it, which read it twice."""
    once = re.sub(r"([\\':])", r"\\\1", path)
    return re.sub(r"([\\'\[\],;])", r"\\\1", once)
