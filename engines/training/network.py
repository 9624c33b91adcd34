"""Network: one encoder, two decoders; what is behind the glass, and what is reflected by it.

Every convolution is gated. The encoder's levels reach both decoders through skips on which a
pyramid of poolings is weighed anew for each picture, and are concatenated on the channel axis.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

GAMMA = 2.2
"Light is added before a camera encodes it, so layers are subtracted in linear light."

DARK = 1e-4
"Nothing darker than this is encoded: the slope there has no bound."

SOFT = 0.0048
"How softly the layer of light ends at nothing: it is 0.035 of the scale there."


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a net is; the defaults are what ships."""

    widths: tuple[int, int, int, int] = (16, 32, 64, 80)
    "Channels at a half, a quarter, an eighth and a sixteenth of the picture's size."
    second: float = 0.5
    "Width of the second decoder as a share of the first's."
    groups: int = 1
    "Groups of the encoder's convolutions; more is slower on a CPU, though it is less work."


@dataclass(frozen=True, slots=True)
class Separated:
    """What a net says of pictures (N, 3, H, W), sRGB 0..1; H and W are multiples of 16."""

    excess: Tensor
    "(N, 3, H, W): what the first decoder takes away from the picture, in encoded values."
    light: Tensor
    "(N, 3, H, W): the layer of the second decoder, linear, 0 or more."
    certainty: Tensor
    "(N, 1, H, W): logit of there being interference."


class Gated(nn.Module):
    """Convolution 3 x 3 of which a 1 x 1 convolution says how much is let through."""

    def __init__(self, before: int, after: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.feature = nn.Conv2d(before, after, 3, stride, 1, groups=groups, bias=False)
        # Learning hardly begins without; when run, it is a part of the convolution's weights.
        self.even = nn.BatchNorm2d(after, momentum=0.02)
        self.gate = nn.Conv2d(before, after, 1, stride)
        nn.init.kaiming_normal_(self.feature.weight, 0.2)
        nn.init.normal_(self.gate.weight, std=0.1)
        # Open at first: signals would shrink by half at every level.
        nn.init.constant_(self.gate.bias, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H / stride, W / stride)."""
        feature = functional.leaky_relu(self.even(self.feature(x)), 0.2)
        return feature * torch.sigmoid(self.gate(x))


class Block(nn.Module):
    """Two gated convolutions beside the straight way."""

    def __init__(self, width: int, groups: int = 1) -> None:
        super().__init__()
        self.first = Gated(width, width, groups=groups)
        self.second = Gated(width, width, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Shape unchanged."""
        return x + 0.5 * self.second(self.first(x))


class Pooled(nn.Module):
    """A pyramid of poolings around every place, and the whole, mixed into the bottom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape unchanged."""
        near = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        far = functional.avg_pool2d(x, 7, 1, 3, count_include_pad=False)
        whole = x.mean((2, 3), keepdim=True).expand_as(x)
        return x + functional.leaky_relu(self.mix(torch.cat((x, near, far, whole), 1)), 0.2)


class Amount(nn.Module):
    """How much there is of what was found, in the whole picture: 0 is none, 1 as it was drawn."""

    MOST = 3.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, 32)
        self.say = nn.Linear(32, 1)
        nn.init.zeros_(self.say.weight)
        nn.init.constant_(self.say.bias, -math.log(self.MOST - 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to (N, 1, 1, 1)."""
        pooled = torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1)
        said = self.say(functional.leaky_relu(self.mix(pooled), 0.2))
        return self.MOST * torch.sigmoid(said)[:, :, None, None]


class Selected(nn.Module):
    """A skip: the level at several scales, each channel's scales weighed by what is seen."""

    def __init__(self, before: int, after: int, scales: tuple[int, ...]) -> None:
        super().__init__()
        self.scales = scales
        self.project = nn.Conv2d(before, after, 1)
        self.weigh = nn.Linear(before, after * (len(scales) + 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H, W); H and W are multiples of the scales."""
        batch = x.shape[0]
        weights = self.weigh(x.mean((2, 3))).view(batch, len(self.scales) + 1, -1, 1, 1)
        weights = torch.softmax(weights, 1)
        fine = self.project(x)
        chosen = fine * weights[:, 0]
        for number, scale in enumerate(self.scales, 1):
            coarse = functional.avg_pool2d(fine, scale) * weights[:, number]
            chosen = chosen + functional.interpolate(coarse, scale_factor=float(scale))
        return functional.leaky_relu(chosen, 0.2)


class Decoder(nn.Module):
    """From the bottom up to the picture's size."""

    def __init__(self, widths: tuple[int, ...], share: float, out: int) -> None:
        super().__init__()
        half, quarter, eighth = (round(width * share) for width in widths[:3])
        self.skips = nn.ModuleList(
            Selected(before, after, scales)
            for before, after, scales in (
                (widths[2], eighth, (2,)),
                (widths[1], quarter, (2, 4)),
                (widths[0], half, (2, 4, 8)),
            )
        )
        self.rises = nn.ModuleList(
            nn.Conv2d(before, after, 1)
            for before, after in ((widths[3], eighth), (eighth, quarter), (quarter, half))
        )
        self.joins = nn.ModuleList(Gated(2 * width, width) for width in (eighth, quarter, half))
        self.draw = nn.Conv2d(half, 4 * out, 3, 1, 1)
        nn.init.normal_(self.draw.weight, std=0.02)
        nn.init.zeros_(self.draw.bias)

    def forward(self, bottom: Tensor, levels: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """(N, out, H, W) of the levels, finest first."""
        x = bottom
        steps = zip(self.rises, self.skips, self.joins, reversed(levels), strict=True)
        for rise, skip, join, level in steps:
            risen = functional.interpolate(rise(x), scale_factor=2.0, mode="bilinear")
            x = join(torch.cat((risen, skip(level)), 1))
        return functional.pixel_shuffle(self.draw(x), 2)


class Separator(nn.Module):
    """Pictures (N, 3, H, W), sRGB 0..1, into what is behind and what is in the way."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = shape.widths
        self.stem = Gated(12, half)
        self.level1 = Block(half, shape.groups)
        self.level2 = nn.Sequential(Gated(half, quarter, 2), Block(quarter, shape.groups))
        self.level3 = nn.Sequential(Gated(quarter, eighth, 2), Block(eighth, shape.groups))
        self.level4 = Gated(eighth, sixteenth, 2)
        self.bottom = nn.Sequential(Block(sixteenth, shape.groups), Pooled(sixteenth))
        self.behind = Decoder(shape.widths, 1.0, 3)
        self.before = Decoder(shape.widths, shape.second, 4)
        self.range = nn.Conv2d(12, sixteenth, 1, bias=False)
        nn.init.zeros_(self.range.weight)
        self.amount = Amount(sixteenth)

    def forward(self, picture: Tensor) -> Separated:
        """See `Separated`."""
        first = self.level1(self.stem(functional.pixel_unshuffle(4 * picture - 2, 2)))
        second = self.level2(first)
        third = self.level3(second)
        fourth = self.level4(third) + self.range(extremes(picture))
        bottom, levels = self.bottom(fourth), (first, second, third)
        interference = self.before(bottom, levels)
        drawn = interference[:, :3]
        root = (drawn + (drawn**2 + SOFT).sqrt()) / 2
        excess = self.amount(bottom) * self.behind(bottom, levels)
        return Separated(excess, root**GAMMA, interference[:, 3:] - 1.0)


def extremes(picture: Tensor) -> Tensor:
    """(N, 12, H / 16, W / 16): the darkest and the brightest, around each place and anywhere.

    A veil lifts what is darkest, which sums of weighed pixels are slow to tell.
    """
    calm = functional.avg_pool2d(4 * picture - 2, 2)
    around = functional.max_pool2d(torch.cat((-calm, calm), 1), 8)
    near = functional.max_pool2d(around, 3, 1, 1)
    return torch.cat((near, near.amax((2, 3), keepdim=True).expand_as(near)), 1)


def linear(picture: Tensor) -> Tensor:
    """Encoded values 0..1 as light."""
    return picture.clamp(DARK, 1) ** GAMMA


def encoded(light: Tensor) -> Tensor:
    """Light as encoded values 0..1."""
    return light.clamp(DARK, 1) ** (1 / GAMMA)


def by_background(picture: Tensor, of: Separated) -> Tensor:
    """The result as the first decoder draws it, where there is interference."""
    return picture - torch.sigmoid(of.certainty) * of.excess


def by_interference(picture: Tensor, of: Separated) -> Tensor:
    """The result as the second decoder's layer leaves it."""
    return encoded(linear(picture) - torch.sigmoid(of.certainty) * of.light)
