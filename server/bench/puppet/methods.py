"""Methods: what a face is shown by, each a row of the table. Another one is a line at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from omote.engines.faces.topology import LEFT_IRIS, RIGHT_IRIS
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet.modes import MODES, Mode
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.pose_transfer import Amounts
from omote.server.bench.puppet.cases import Case, photograph
from omote.server.bench.puppet.learnt import banked, drawn
from omote.streams.frame import Frame, Picture

Shown = Callable[[Frame], Picture]
"From each of the driver's frames, in order, what is shown instead."
Method = Callable[[Case, Path, Models, Pixels], Shown]
"Gets to know a case's reference and what may be learnt from; may write files into the folder."


def performed(mode: Mode) -> Method:
    """A mode of the effect that needs nothing but the photograph."""

    def method(case: Case, folder: Path, models: Models, pixels: Pixels) -> Shown:
        path = photograph(case.reference, pixels, folder / "reference.png")
        of = Casting(path, "auto", case.reference.picture, models, pixels)
        performance = MODES[mode](of)
        return lambda frame: performance(frame, Amounts())

    return method


def _still(case: Case, folder: Path, models: Models, pixels: Pixels) -> Shown:
    return lambda frame: case.reference.picture


def _driver(case: Case, folder: Path, models: Models, pixels: Pixels) -> Shown:
    return lambda frame: frame.picture


def _nearest(case: Case, folder: Path, models: Models, pixels: Pixels) -> Shown:
    """What was learnt from, as it is: the frame whose face is most like the driver's."""
    known = np.array([_outline(frame) for frame in case.learning])

    def shown(frame: Frame) -> Picture:
        apart = ((known - _outline(frame)) ** 2).sum((1, 2))
        return case.learning[int(np.argmin(apart))].picture

    return shown


def _outline(frame: Frame) -> Floats:
    """Landmarks, of the eyes' distance."""
    points = frame.faces[0].landmarks[:, :2]
    eyes = float(np.linalg.norm(points[RIGHT_IRIS] - points[LEFT_IRIS]))
    return np.asarray(points / eyes, np.float32)


METHODS: Mapping[str, Method] = {
    "still": _still,
    "nearest": _nearest,
    "mesh": performed("mesh"),
    "bank": banked,
    "wear": performed("wear"),
    "network": drawn,
    "driver": _driver,
}
USUAL = tuple(name for name in METHODS if name != "network")
"Those that need not be trained first."
