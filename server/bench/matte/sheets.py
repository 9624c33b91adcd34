"""Sheets: pictures to judge mattes by with one's own eyes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from omote.server.bench.matte.shots import Bytes, Clip, Shot

TILE = 440
"Side of a tile, pixels."
ROWS = 3
GREEN = (0, 177, 64)
Box = tuple[int, int, int, int]
"Left, top, right, bottom, pixels."


def write(path: Path, clip: Clip, found: Mapping[str, Sequence[Bytes]]) -> None:
    """A row a frame: picture, truth, each method's alpha, and the last one's over green."""
    count = len(clip.shots)
    rows = [
        _row(clip.shots[index], {name: alphas[index] for name, alphas in found.items()})
        for index in np.linspace(min(2, count - 1), count - 1, min(ROWS, count)).astype(int)
    ]
    titles = ["picture", "truth", *found, f"{list(found)[-1]} on green"]
    if clip.tier == "none":
        titles.remove("truth")
    sheet = np.concatenate([_titled(clip, titles), *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _row(shot: Shot, found: Mapping[str, Bytes]) -> Bytes:
    last = list(found.values())[-1]
    box = _box(shot, last)
    truth = [] if shot.alpha is None else [_grey(shot.alpha)]
    whole = [shot.picture, *truth, *map(_grey, found.values()), on_green(shot.picture, last)]
    return np.concatenate([_tile(picture, box) for picture in whole], axis=1)


def on_green(picture: Bytes, alpha: Bytes) -> Bytes:
    """The picture's own colours over green, which shows every halo."""
    share = alpha[..., None].astype(np.float32) / 255
    behind = np.array(GREEN, np.float32)
    return np.asarray(np.round(behind + share * (picture - behind)), np.uint8)


def _box(shot: Shot, alpha: Bytes) -> Box:
    """A square around the hair, or the upper part of whoever is there."""
    around = shot.hair if shot.hair is not None else alpha
    height, width = around.shape
    rows, columns = (np.flatnonzero((around > 60).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return (width - height) // 2, 0, (width + height) // 2, height
    bottom = rows[-1] if shot.hair is not None else rows[0] + (rows[-1] - rows[0]) // 2
    side = int(min(1.2 * max(bottom - rows[0], columns[-1] - columns[0]), height, width))
    middle = (rows[0] + bottom) // 2, (columns[0] + columns[-1]) // 2
    top = int(np.clip(middle[0] - side // 2, 0, height - side))
    left = int(np.clip(middle[1] - side // 2, 0, width - side))
    return left, top, left + side, top + side


def _tile(picture: Bytes, box: Box) -> Bytes:
    left, top, right, bottom = box
    kept = picture[top:bottom, left:right]
    way = cv2.INTER_AREA if right - left > TILE else cv2.INTER_CUBIC
    tile = cv2.resize(kept, (TILE, TILE), interpolation=way)
    return cv2.copyMakeBorder(tile, 0, 4, 0, 4, cv2.BORDER_CONSTANT, value=(90, 90, 90))


def _grey(alpha: Bytes) -> Bytes:
    return np.asarray(cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), np.uint8)


def _titled(clip: Clip, titles: Sequence[str]) -> Bytes:
    """A strip that names the clip and the columns."""
    strip = np.zeros((60, len(titles) * (TILE + 4), 3), np.uint8)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    cv2.putText(strip, f"{clip.name}: {clip.what}", (8, 22), font, 0.6, white, 1, cv2.LINE_AA)
    for number, title in enumerate(titles):
        at = (8 + number * (TILE + 4), 50)
        cv2.putText(strip, title, at, font, 0.6, white, 1, cv2.LINE_AA)
    return strip
