"""Depth means: depth that the server makes itself, of stereo pictures or with a network."""

from dataclasses import dataclass

import numpy as np

from omote.engines.depth.alignment import small_size
from omote.engines.depth.monocular import DepthNetwork, Monocular, at_size
from omote.engines.depth.pair import Pair, planes
from omote.engines.depth.registration import Registered
from omote.engines.depth.side_by_side import parted
from omote.engines.kernels import Bytes
from omote.engines.onnx import BrokenModel
from omote.engines.pixels import Pixels
from omote.server.config import Config, Misconfigured
from omote.streams.calibration import BadCalibration, Calibration, calibration_file
from omote.streams.frame import Depth, Fusing, Picture, VideoPicture

TWICE = (1.9, 2.1)
"How much wider than one of its cameras' pictures a picture of two is."
EVERY = 3
"Pictures from one look of the network to the next."


@dataclass(frozen=True, slots=True)
class DepthMeans:
    """What all stages share; stateless."""

    stereo: Calibration | None = None
    "Of the two cameras whose pictures lie side by side, or come as two tracks."
    network: DepthNetwork | None = None


def depth_means(config: Config) -> DepthMeans:
    """What is configured; raises `Misconfigured`."""
    try:
        stereo = calibration_file(config.stereo) if config.stereo is not None else None
        path = config.depth_network
        network = None
        if path is not None:
            network = DepthNetwork(path, config.depth_network_gives, config.depth_network_takes)
    except (BadCalibration, BrokenModel) as exc:
        raise Misconfigured(str(exc)) from exc
    if stereo is not None and not stereo.pair:
        raise Misconfigured(f"{config.stereo} tells of no left and right camera")
    return DepthMeans(stereo, network)


class OwnDepth:
    """Of one stage: the depth of its pictures when nobody sends any. In an engine's thread."""

    def __init__(self, means: DepthMeans) -> None:
        self._means = means
        self._pair = Pair(means.stereo) if means.stereo is not None else None
        self._network = Monocular(means.network) if means.network is not None else None
        self._last: Depth | None = None
        self._count = 0

    def parted(self, picture: VideoPicture) -> tuple[VideoPicture, Registered] | None:
        """The left half of a picture of two and its depth; None for a picture of one."""
        stereo = self._means.stereo
        if self._pair is None or stereo is None or stereo.left is None:
            return None
        wider = picture.width / picture.height / (stereo.left.width / stereo.left.height)
        return parted(picture, self._pair) if TWICE[0] < wider < TWICE[1] else None

    def paired(self, picture: VideoPicture, right: Bytes) -> Registered:
        """The depth of a picture whose right neighbour's luma came by itself."""
        assert self._pair is not None, "a right picture is refused without a calibration"
        left = planes(picture.video)
        return self._pair(left.planes[0], right, small_size((left.width, left.height)))

    def estimated(self, pixels: Pixels, picture: Picture, fusing: Fusing) -> Depth | None:
        """What the network says of an upright picture; None without a network."""
        if self._network is None:
            return None
        size = small_size((picture.width, picture.height))
        fits = self._last is not None and self._last.metres.shape == size[::-1]
        if not fits or self._count % EVERY == 0:
            found = self._network(pixels.small(picture, self._network.size))
            metres = at_size(np.nan_to_num(found.metres, nan=0), size)
            known = np.where(metres > 0, metres, np.float32(np.nan))
            sure = None if found.probability is None else at_size(found.probability, size)
            self._last = Depth(known, None, 0.0, "network", 1.0, fusing, sure)
        self._count += 1
        return self._last
