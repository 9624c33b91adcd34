"""Export: a trained net as an ONNX file, as the effect `deglare` runs it."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from omote.engines.training import checkpoint
from omote.engines.training.network import Separator

OPSET = 18


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    file: Path
    steps: int
    cpu_hours: float


class _Shipped(nn.Module):
    """Bytes in, levels out: what lies between is the net's."""

    def __init__(self, net: Separator) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(1, H, W, 3) bytes to levels that are too much (1, H, W, 3), certainty (1, H, W, 1)."""
        of = self.net(picture.permute(0, 3, 1, 2).float() / 255)
        certainty = torch.sigmoid(of.certainty)
        return (255 * certainty * of.excess).permute(0, 2, 3, 1), certainty.permute(0, 2, 3, 1)


def export(file: Path, out: Path) -> Exported:
    """Write the running mean of a checkpoint's nets; sides may be any multiples of 16."""
    run = checkpoint.load(file)
    net = _Shipped(run.mean).eval().to(memory_format=torch.contiguous_format)
    free = {1: "height", 2: "width"}
    with warnings.catch_warnings():
        # The exporter that is to replace this one needs another package, and gives the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            (torch.zeros(1, 144, 256, 3, dtype=torch.uint8),),
            str(out),
            input_names=["picture"],
            output_names=["excess", "certainty"],
            dynamic_axes={"picture": free, "excess": free, "certainty": free},
            opset_version=OPSET,
            dynamo=False,
        )
    return Exported(out, run.step, run.cpu_s / 3600)
