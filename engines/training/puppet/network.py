"""Network: an encoder of what a face looks like, a decoder that rebuilds it, and one that draws it.

Shown are closeups of the person, warped to the pose that is wanted. The encoder makes of them what
both decoders begin with. What the rebuilding decoder comes to at each size is concatenated to what
the drawing one has there, and that is normalised, scaled and shifted by maps of the face mask.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 128
"Of the pictures, pixels."

Keep = Literal["learnt", "masks", "none"]
"Where the fourth mask comes from: the drawing decoder too, the two face masks alone, or it is 0."


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a net is; the defaults are what is trained."""

    widths: tuple[int, int, int, int] = (24, 48, 80, 96)
    "Channels at a half, a quarter, an eighth and a sixteenth of the picture's size."
    keep: Keep = "learnt"


@dataclass(frozen=True, slots=True)
class Given:
    """What is put in, (N, 3, SIDE, SIDE), 0..1."""

    blend: Tensor
    "Of the likest keyframes, warped: the reference as far as this net knows one."
    nearest: Tensor
    "The likest keyframe alone, warped."
    mask: Tensor
    "The face mask that is wanted."
    before: Tensor
    "The face mask of the likest keyframe before it was warped."


@dataclass(frozen=True, slots=True)
class Drawn:
    """What comes out, (N, k, SIDE, SIDE), 0..1."""

    picture: Tensor
    "The result: `generated * (1 - keep) + blend * keep`."
    generated: Tensor
    rebuilt: Tensor
    "The reference, as the other decoder has it."
    keep: Tensor
    "(N, 1, SIDE, SIDE): the fourth mask."


class Encoding(nn.Module):
    """Convolution, normalisation, activation; half the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after, momentum=0.05),
            nn.LeakyReLU(0.2),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after, momentum=0.05),
            nn.LeakyReLU(0.2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H / 2, W / 2)."""
        made: Tensor = self.layers(x)
        return made


class Rebuilding(nn.Module):
    """Activation, transposed convolution, normalisation; twice the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.rise = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
        self.even = nn.BatchNorm2d(after, momentum=0.05)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, 2 H, 2 W)."""
        made: Tensor = self.even(self.rise(functional.leaky_relu(x, 0.2)))
        return made


class Fused(nn.Module):
    """Normalised, then scaled and shifted at each place as the face mask wants it."""

    def __init__(self, width: int, masks: int = 3) -> None:
        super().__init__()
        self.even = nn.BatchNorm2d(width, affine=False, momentum=0.05)
        self.scale = nn.Conv2d(masks, width, 3, 1, 1)
        self.shift = nn.Conv2d(masks, width, 5, 1, 2)
        for each in (self.scale, self.shift):
            nn.init.normal_(each.weight, std=0.05)
            nn.init.zeros_(each.bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shape unchanged; the mask has the size of `x`."""
        made: Tensor = self.even(x) * (1 + self.scale(mask)) + self.shift(mask)
        return made


class Drawing(nn.Module):
    """A further level of the drawing decoder: fusion, transposed convolution, normalisation."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.fused = Fused(before)
        self.rise = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
        self.even = nn.BatchNorm2d(after, momentum=0.05)

    def forward(self, x: Tensor, rebuilt: Tensor, mask: Tensor) -> Tensor:
        """(N, before - rebuilt's, H, W) to (N, after, 2 H, 2 W)."""
        fused = self.fused(torch.cat((x, rebuilt), 1), mask)
        made: Tensor = self.even(self.rise(functional.leaky_relu(fused, 0.2)))
        return made


class Difference(nn.Module):
    """The fourth mask's logit, of the second and third: an affine of both by their mean and variance."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(6, 6, 3, 1, 1)
        self.shift = nn.Conv2d(6, 1, 3, 1, 1)

    def forward(self, second: Tensor, third: Tensor) -> Tensor:
        """(N, 3, H, W) twice, to (N, 1, H, W)."""
        mean, variance = (second + third) / 2, (second - third) ** 2 / 4
        stated = torch.cat((mean, variance), 1)
        scaled = self.scale(stated) * torch.cat((second, third), 1)
        made: Tensor = scaled.mean(1, keepdim=True) + self.shift(stated)
        return made


class Puppeteer(nn.Module):
    """One person's."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = shape.widths
        sizes = (6, half, quarter, eighth, sixteenth)
        self.encode = nn.ModuleList(Encoding(a, b) for a, b in pairwise(sizes))
        self.rebuild = nn.ModuleList(
            Rebuilding(a, b) for a, b in ((sixteenth, eighth), (eighth, quarter), (quarter, half))
        )
        self.rebuilt = nn.ConvTranspose2d(half, 3, 4, 2, 1)
        self.begin = Rebuilding(sixteenth, eighth)
        self.draw = nn.ModuleList((Drawing(2 * eighth, quarter), Drawing(2 * quarter, half)))
        self.last = Fused(2 * half)
        self.picture = nn.ConvTranspose2d(2 * half, 4, 4, 2, 1)
        self.difference = Difference()
        self.keep = shape.keep
        nn.init.normal_(self.picture.weight, std=0.01)
        nn.init.zeros_(self.picture.bias)

    def forward(self, given: Given) -> Drawn:
        """See `Given` and `Drawn`."""
        x = 2 * torch.cat((given.blend, given.nearest), 1) - 1
        levels = []
        for encode in self.encode:
            x = encode(x)
            levels.append(x)
        rebuilt, kept = x, []
        for number, rebuild in enumerate(self.rebuild):
            # With what the encoder saw at that size: through a sixteenth nothing sharp passes.
            rebuilt = rebuild(rebuilt) + levels[2 - number]
            kept.append(rebuilt)
        drawn = self.begin(x)
        for draw, level in zip(self.draw, kept, strict=False):
            drawn = draw(drawn, level, _at(given.mask, level))
        fused = self.last(torch.cat((drawn, kept[2]), 1), _at(given.mask, kept[2]))
        last = self.picture(functional.leaky_relu(fused, 0.2))
        reference = self.rebuilt(functional.leaky_relu(kept[2], 0.2))
        generated = torch.sigmoid(last[:, :3])
        keep = self._kept(given, last[:, 3:])
        picture = generated * (1 - keep) + given.blend * keep
        return Drawn(picture, generated, torch.sigmoid(reference), keep)

    def _kept(self, given: Given, logit: Tensor) -> Tensor:
        if self.keep == "none":
            return torch.zeros_like(logit)
        masks = self.difference(given.before, given.mask)
        return torch.sigmoid(masks if self.keep == "masks" else masks + 4 * logit)


def _at(mask: Tensor, like: Tensor) -> Tensor:
    return functional.avg_pool2d(mask, mask.shape[-1] // like.shape[-1])
