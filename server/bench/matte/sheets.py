"""Sheets: pictures to judge mattes by with one's own eyes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from omote.server.bench.matte.shots import Bytes, Clip, Shot

TILE = 440
"Height of a tile, pixels."
WIDE = 16 / 9
"Proportions of a tile on which there are several people."
ROWS = 3
GREEN = (0, 177, 64)
Box = tuple[int, int, int, int]
"Left, top, right, bottom, pixels."


def write(path: Path, clip: Clip, found: Mapping[str, Sequence[Bytes]]) -> None:
    """A row a frame: picture, truth, each method's alpha, and the last one's over green."""
    count = len(clip.shots)
    shape = WIDE if any(shot.people for shot in clip.shots) else 1.0
    rows = [
        _row(clip.shots[index], {name: alphas[index] for name, alphas in found.items()}, shape)
        for index in np.linspace(min(2, count - 1), count - 1, min(ROWS, count)).astype(int)
    ]
    titles = ["picture", "truth", *found, f"{list(found)[-1]} on green"]
    if clip.tier == "none":
        titles.remove("truth")
    sheet = np.concatenate([_titled(clip, titles, rows[0].shape[1] // len(titles)), *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _row(shot: Shot, found: Mapping[str, Bytes], shape: float) -> Bytes:
    last = list(found.values())[-1]
    box = _box(shot, last, shape)
    truth = [] if shot.alpha is None else [_grey(shot.alpha)]
    whole = [shot.picture, *truth, *map(_grey, found.values()), on_green(shot.picture, last)]
    return np.concatenate([_tile(picture, box) for picture in whole], axis=1)


def on_green(picture: Bytes, alpha: Bytes) -> Bytes:
    """The picture's own colours over green, which shows every halo."""
    share = alpha[..., None].astype(np.float32) / 255
    behind = np.array(GREEN, np.float32)
    return np.asarray(np.round(behind + share * (picture - behind)), np.uint8)


def _box(shot: Shot, alpha: Bytes, shape: float) -> Box:
    """Around the hair, or the upper part of whoever is there; `shape` is width over height."""
    around = shot.hair if shot.hair is not None else alpha
    height, width = around.shape
    rows, columns = (np.flatnonzero((around > 60).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        rows, columns = np.array([0, height - 1]), np.array([width // 4, width * 3 // 4])
    bottom = rows[-1] if shot.hair is not None else rows[0] + (rows[-1] - rows[0]) // 2
    wanted = 1.2 * max(bottom - rows[0], (columns[-1] - columns[0]) / shape)
    tall = int(min(wanted, height, width / shape))
    across = int(tall * shape)
    top = int(np.clip((rows[0] + bottom - tall) // 2, 0, height - tall))
    left = int(np.clip((columns[0] + columns[-1] - across) // 2, 0, width - across))
    return left, top, left + across, top + tall


def _tile(picture: Bytes, box: Box) -> Bytes:
    left, top, right, bottom = box
    kept = picture[top:bottom, left:right]
    way = cv2.INTER_AREA if bottom - top > TILE else cv2.INTER_CUBIC
    size = (round(TILE * WIDE) if right - left > 1.5 * (bottom - top) else TILE, TILE)
    tile = cv2.resize(kept, size, interpolation=way)
    return np.pad(np.asarray(tile, np.uint8), ((0, 4), (0, 4), (0, 0)), constant_values=90)


def _grey(alpha: Bytes) -> Bytes:
    return np.asarray(cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), np.uint8)


def _titled(clip: Clip, titles: Sequence[str], wide: int) -> Bytes:
    """A strip that names the clip and the columns."""
    strip = np.zeros((60, len(titles) * wide, 3), np.uint8)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    cv2.putText(strip, f"{clip.name}: {clip.what}", (8, 22), font, 0.6, white, 1, cv2.LINE_AA)
    for number, title in enumerate(titles):
        at = (8 + number * wide, 50)
        cv2.putText(strip, title, at, font, 0.6, white, 1, cv2.LINE_AA)
    return strip
