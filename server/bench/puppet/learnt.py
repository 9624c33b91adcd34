"""Learnt: methods that are shown more of a person than one photograph."""

import shutil
from collections.abc import Callable
from pathlib import Path

from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet import album
from omote.engines.puppet.enrolment import Shot, enrolled, keep, shot
from omote.engines.puppet.modes import MODES, Mode
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.pose_transfer import Amounts
from omote.server.bench.puppet.cases import Case, photograph
from omote.streams.frame import Frame, Picture

KEPT = Path(".cache") / "puppets"
"Where nets stay from one bench to the next."
MINUTES = 30
"Of the processor, at most, for one net."


def banked(case: Case, folder: Path, models: Models, pixels: Pixels) -> Callable[[Frame], Picture]:
    """The keyframes of what may be learnt from."""
    path = photograph(case.reference, pixels, folder / "reference.png")
    keep(enrolled(_shots(case, pixels), models)[0], path)
    return _shown("mesh", path, case, models, pixels)


def drawn(case: Case, folder: Path, models: Models, pixels: Pixels) -> Callable[[Frame], Picture]:
    """A net that was trained of what may be learnt from: minutes, once, then it is kept."""
    from omote.engines.training.puppet.command import taught
    from omote.engines.training.puppet.material import material_of

    person, _, _ = case.name.partition(" by ")
    kept = KEPT / f"{person}-{len(case.learning)}"
    path = photograph(case.reference, pixels, folder / "reference.png")
    shots = _shots(case, pixels)
    keep(enrolled(shots, models)[0], path)
    if album.network_in(kept) is None:
        # All of it is learnt from: the truth of the bench is held out already.
        taught(material_of(shots, models, parts=(1.0, 0.05)), kept, MINUTES, None, 0)
    net = album.network_in(kept)
    assert net is not None
    shutil.copy(net, album.beside(path))
    return _shown("network", path, case, models, pixels)


def _shots(case: Case, pixels: Pixels) -> list[Shot]:
    return [
        shot(frame.index, frame.picture, frame.faces[0].landmarks, pixels)
        for frame in case.learning
    ]


def _shown(
    mode: Mode, path: Path, case: Case, models: Models, pixels: Pixels
) -> Callable[[Frame], Picture]:
    of = Casting(path, "auto", case.reference.picture, models, pixels)
    performance = MODES[mode](of)
    return lambda frame: performance(frame, Amounts())
