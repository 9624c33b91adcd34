"""Export: a trained net as an ONNX file, as `engines/puppet/network.py` runs it."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from omote.engines.training.export import OPSET
from omote.engines.training.puppet.network import SIDE, Given, Puppeteer

INPUTS = ("blend", "nearest", "mask", "before")


class Shipped(nn.Module):
    """Bytes in, levels out: what lies between is the net's."""

    def __init__(self, net: Puppeteer) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, blend: Tensor, nearest: Tensor, mask: Tensor, before: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(1, SIDE, SIDE, 3) bytes to levels (1, SIDE, SIDE, 3), shares (1, SIDE, SIDE, 1)."""
        planes = (each.permute(0, 3, 1, 2).float() / 255 for each in (blend, nearest, mask, before))
        of = self.net(Given(*planes))
        return (255 * of.generated).permute(0, 2, 3, 1), of.keep.permute(0, 2, 3, 1)


def export(net: Puppeteer, out: Path) -> Path:
    """Write a net, its shapes fixed; nothing in it is of our own making."""
    shipped = Shipped(net).eval().to(memory_format=torch.contiguous_format)
    pictures = tuple(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8) for _ in INPUTS)
    with warnings.catch_warnings():
        # The exporter that is to replace this one needs another package, and gives the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            shipped,
            pictures,
            str(out),
            input_names=list(INPUTS),
            output_names=["generated", "keep"],
            opset_version=OPSET,
            dynamo=False,
        )
    return out
