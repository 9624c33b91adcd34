"""Losses: what a separation is held against. Pictures are (N, 3, H, W), encoded 0..1."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from omote.engines.training.network import (
    GAMMA,
    Separated,
    by_background,
    by_interference,
)

IGNORED = 1.0 / 255
"Differences below this are nothing to learn from."

TASTED = 4
"Pictures of a batch whose features are compared: for its work it teaches the least."

SEEN = 0.03
"Glare that lifts a picture by this much is certainly there."


@dataclass(frozen=True, slots=True)
class Truth:
    """What was put together, and of what."""

    shown: Tensor
    "(N, 3, H, W), with glare."
    clean: Tensor
    "(N, 3, H, W), without."
    light: Tensor
    "(N, 3, H, W), linear, what the sensor could tell of the layer."
    known: Tensor
    "(N, 1, H, W): 0 where the sensor was saturated, else 1."
    faint: float = 4.0
    "Error, levels of 255, that is hardly worth less."


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts."""

    pixel: float = 1.0
    size: float = 4.0
    aligned: float = 0.5
    gradient: float = 0.25
    structure: float = 1.0
    feature: float = 2.0
    interference: float = 0.25
    detector: float = 0.5
    branch: float = 0.25


def loss(truth: Truth, of: Separated, weights: Weights, bank: "FilterBank") -> dict[str, Tensor]:
    """Each loss by name, weighed; their sum is what falls."""
    result = by_background(truth.shown, of)
    parts = {
        "pixel": pixel(result, truth),
        "size": size(result, truth),
        "aligned": pixel(aligned(result, truth.clean), truth),
        "gradient": gradient(result, truth),
        "structure": 1 - likeness(result, truth.clean),
        "feature": bank(result[:TASTED], truth.clean[:TASTED]),
        "interference": _interference(truth, of),
        "detector": detector(truth, of),
        "branch": pixel(by_interference(truth.shown, of), truth),
    }
    return {name: getattr(weights, name) * part for name, part in parts.items()}


def pixel(result: Tensor, truth: Truth) -> Tensor:
    """How much of the squared error is left, as a logarithm: 0 if nothing was done.

    So a faint reflection counts as much as a veil over everything, and doubt shows in the result
    from the beginning; mean absolute differences stay at the untouched picture for very long.
    """
    left, all_ = _squares(result, truth), _squares(truth.shown, truth)
    floor = (truth.faint / 255) ** 2
    return ((left + floor) / (all_ + floor)).log().mean()


def size(result: Tensor, truth: Truth) -> Tensor:
    """Root of the mean squared error that is left: heavy veils count more, doubt costs less."""
    return (_squares(result, truth) + 1e-5).sqrt().mean()


def _squares(result: Tensor, truth: Truth) -> Tensor:
    """(N): mean squared error of each picture."""
    error = functional.relu((result - truth.clean).abs() - IGNORED) ** 2
    # Saturated pixels count for almost nothing: nothing there tells what is behind.
    return (error * (0.05 + 0.95 * truth.known)).mean((1, 2, 3))


def aligned(result: Tensor, clean: Tensor) -> Tensor:
    """The result with the gain and offset that suit it best: all that is left is structure."""
    mean, wanted = result.mean((2, 3), keepdim=True), clean.mean((2, 3), keepdim=True)
    centred = result - mean
    spread = (centred**2).mean((2, 3), keepdim=True) + 1e-4
    gain = (centred * (clean - wanted)).mean((2, 3), keepdim=True) / spread
    return centred * gain.detach().clamp(0.5, 2.0) + wanted


def gradient(result: Tensor, truth: Truth) -> Tensor:
    """Share of the error of slopes that is left, at the full, half and quarter size."""
    left, before = _slopes((result - truth.clean) * truth.known), _slopes(truth.shown - truth.clean)
    return (left / (before + 0.02)).mean()


def _slopes(difference: Tensor) -> Tensor:
    """(N): mean absolute slopes over three sizes, added up."""
    total = difference.new_zeros(difference.shape[0])
    for _ in range(3):
        for axis in (2, 3):
            total = total + difference.diff(dim=axis).abs().mean((1, 2, 3))
        difference = functional.avg_pool2d(difference, 2)
    return total


def likeness(result: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of the luma in windows of 7 x 7."""
    x, y = (p[:, :1] * 0.299 + p[:, 1:2] * 0.587 + p[:, 2:] * 0.114 for p in (result, clean))
    mean_x, mean_y, xx, yy, xy = functional.avg_pool2d(
        torch.cat((x, y, x * x, y * y, x * y), 1), 7, 2
    ).split(1, 1)
    var_x, var_y, both = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    low, high = 0.01**2, 0.03**2
    above = (2 * mean_x * mean_y + low) * (2 * both + high)
    return (above / ((mean_x**2 + mean_y**2 + low) * (var_x + var_y + high))).mean()


def _interference(truth: Truth, of: Separated) -> Tensor:
    """The layer, compared as the eye sees light: share of the squared error that is left."""
    wanted = (truth.light + 1e-4) ** (1 / GAMMA)
    given = torch.sigmoid(of.certainty) * of.light
    error = ((given + 1e-4) ** (1 / GAMMA) - wanted) ** 2 * (0.05 + 0.95 * truth.known)
    return (error.mean((1, 2, 3)) / ((wanted**2).mean((1, 2, 3)) + 0.01)).mean()


def detector(truth: Truth, of: Separated) -> Tensor:
    """How wrongly glare is seen where there is none, and not where there is."""
    lifted = (truth.shown - truth.clean).amax(1, keepdim=True)
    return functional.binary_cross_entropy_with_logits(of.certainty, (lifted / SEEN).clamp(0, 1))


class FilterBank(torch.nn.Module):
    """Features that need no other net's weights: fixed random filters at two scales, rectified."""

    def __init__(self, seed: int = 0, filters: int = 16) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        first = torch.randn(filters, 3, 5, 5, generator=random)
        first = first - first.mean((2, 3), keepdim=True)
        second = torch.randn(2 * filters, filters, 3, 3, generator=random)
        self.register_buffer("first", first / first.abs().sum((1, 2, 3), keepdim=True))
        self.register_buffer("second", second / second.abs().sum((1, 2, 3), keepdim=True))

    def forward(self, result: Tensor, clean: Tensor) -> Tensor:
        """Mean absolute difference of the two pictures' features, about as large as pixels'."""
        batch = result.shape[0]
        low = functional.relu(functional.conv2d(torch.cat((result, clean)), self.first, stride=2))
        high = functional.conv2d(low, self.second, stride=2)
        return sum(10 * (level[:batch] - level[batch:]).abs().mean() for level in (low, high))
