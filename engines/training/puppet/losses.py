"""Losses: what a drawn face is held against. Pictures are (N, 3, SIDE, SIDE), 0..1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from omote.engines.training.losses import FilterBank
from omote.engines.training.puppet.network import Drawn, Given

LEFT_OUT = (
    "no identity loss: the truth is this very person, and the pixels say so already",
    "the perceptual loss uses fixed random filters: a VGG trunk costs forty times this net",
)
"What of the method's five losses is not as it is described, and why; told when a training begins."

BEHIND = 0.1
"How much a mistake counts where nothing of the person is."


@dataclass(frozen=True, slots=True)
class Truth:
    """What it should have been."""

    picture: Tensor
    weight: Tensor
    "(N, 1, SIDE, SIDE): how much a mistake counts."
    alpha: Tensor
    "(N, 1, SIDE, SIDE): where the person is; what is behind is not learnt."
    known: Tensor
    "(N, 1, 1, 1): 0 where nobody knows how the face would look, else 1."


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts; 0 leaves it out."""

    perceptual: float = 1.0
    pixel: float = 25.0
    rebuilt: float = 25.0
    adversarial: float = 1.0
    slope: float = 10.0
    "Of differences between neighbours: without it everything is soft."
    generated: float = 5.0
    "Of what is drawn before the reference is laid over it."


class Critic(nn.Module):
    """Says of every part of a picture whether it is a photograph, knowing its face mask."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((6, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, 1, 1))

    def forward(self, picture: Tensor, mask: Tensor) -> Tensor:
        """(N, 1, SIDE / 8, SIDE / 8); positive is real."""
        said: Tensor = self.layers(2 * torch.cat((picture, mask), 1) - 1)
        return said


def loss(
    given: Given, of: Drawn, truth: Truth, weights: Weights, bank: FilterBank, critic: Critic | None
) -> dict[str, Tensor]:
    """Each loss by name, weighed; their sum is what falls."""
    even = truth.weight * truth.known * (BEHIND + (1 - BEHIND) * truth.alpha)
    parts = {
        "pixel": _apart(of.picture, truth.picture, even),
        "generated": _apart(of.generated, truth.picture, even),
        "slope": slope(of.picture, truth.picture, even),
        "perceptual": bank(of.picture * even.sqrt(), truth.picture * even.sqrt()),
        "rebuilt": _apart(of.rebuilt, given.blend, truth.weight),
    }
    if critic is not None and weights.adversarial:
        parts["adversarial"] = functional.relu(1 - critic(of.picture, given.mask)).mean()
    return {name: getattr(weights, name) * part for name, part in parts.items()}


def doubt(given: Given, of: Drawn, truth: Truth, critic: Critic) -> Tensor:
    """What the critic gets wrong, of photographs and of what was drawn."""
    real = functional.relu(1 - critic(truth.picture, given.mask)) * truth.known
    drawn = functional.relu(1 + critic(of.picture.detach(), given.mask))
    return real.mean() + drawn.mean()


def _apart(result: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    return ((result - wanted).abs() * weight).mean()


def slope(result: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of slopes, at the full and at half the size."""
    difference, total = result - wanted, result.new_zeros(())
    for _ in range(2):
        for axis in (2, 3):
            kept = weight.narrow(axis, 1, weight.shape[axis] - 1)
            total = total + (difference.diff(dim=axis).abs() * kept).mean()
        difference = functional.avg_pool2d(difference, 2)
        weight = functional.avg_pool2d(weight, 2)
    return total
