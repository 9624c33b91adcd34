"""Checkpoint: everything a training needs to go on as if it had never stopped."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omote.engines.training.puppet.losses import Critic, Weights
from omote.engines.training.puppet.network import Puppeteer, Shape
from omote.engines.training.session import averaged, plain, written

WARM_UP = 50
"Steps in which the rate rises."
DECAY = 0.4
"Share of the steps, at the end, in which it falls."
JUDGING = 0.7
"Share of the steps from which on the critic has a say."


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training is; a resumed one keeps them, but for the number of steps."""

    seed: int = 0
    steps: int = 3000
    batch: int = 8
    rate: float = 2e-3
    shape: Shape = field(default_factory=Shape)
    weights: Weights = field(default_factory=Weights)

    def rate_at(self, step: int) -> float:
        """The learning rate: it rises, stays, and falls straight towards the end."""
        left = (self.steps - step) / (DECAY * self.steps)
        return self.rate * min(1.0, (step + 1) / WARM_UP, max(left, 0.01))


@dataclass(slots=True, eq=False)
class Run:
    """A training under way."""

    settings: Settings
    net: Puppeteer
    mean: Puppeteer
    "The net whose weights are a running mean of the other's; this one is used."
    critic: Critic
    optimizer: torch.optim.Optimizer
    against: torch.optim.Optimizer
    "The critic's."
    step: int = 0
    cpu_s: float = 0.0
    "Processor time spent so far, in every session."
    curve: list[dict[str, float]] = field(default_factory=list)
    "What validation gave."

    def averaged(self) -> None:
        """Let the mean follow."""
        averaged(self.mean, self.net, 1 - min(0.995, (1 + self.step) / (10 + self.step)))


def opened(path: Path, settings: Settings, steps: int | None = None) -> Run:
    """Go on from a file, if it is there, else begin; `steps` is another end than the settings'."""
    if path.exists():
        return load(path, steps)
    return begun(replace(settings, steps=steps or settings.steps))


def begun(settings: Settings) -> Run:
    """A training at its first step."""
    torch.manual_seed(settings.seed)
    net, mean = _puppeteer(settings), _puppeteer(settings)
    mean.load_state_dict(net.state_dict())
    critic = Critic()
    optimizer = torch.optim.AdamW(net.parameters(), settings.rate, (0.9, 0.99), weight_decay=1e-3)
    against = torch.optim.AdamW(critic.parameters(), settings.rate / 4, (0.5, 0.99))
    mean.eval().requires_grad_(False)
    return Run(settings, net, mean, critic, optimizer, against)


def _puppeteer(settings: Settings) -> Puppeteer:
    return Puppeteer(settings.shape).to(memory_format=torch.channels_last)


NETS = ("net", "mean", "critic")
OPTIMIZERS = ("optimizer", "against")


def save(run: Run, path: Path) -> None:
    """Write the file whole or not at all."""
    kept: dict[str, Any] = {name: plain(getattr(run, name)) for name in NETS}
    kept |= {name: getattr(run, name).state_dict() for name in OPTIMIZERS}
    kept |= {name: getattr(run, name) for name in ("step", "cpu_s", "curve")}
    written(kept | {"settings": asdict(run.settings)}, path)


def load(path: Path, steps: int | None = None) -> Run:
    """The training as it was saved; `steps` is another end for it."""
    kept = torch.load(path, weights_only=True)
    given = kept["settings"] | ({"steps": steps} if steps else {})
    given |= {"shape": Shape(**given["shape"]), "weights": Weights(**given["weights"])}
    run = begun(Settings(**given))
    for name in (*NETS, *OPTIMIZERS):
        getattr(run, name).load_state_dict(kept[name])
    run.step, run.cpu_s, run.curve = kept["step"], kept["cpu_s"], kept["curve"]
    return run


def parts(run: Run) -> dict[str, dict[str, Tensor]]:
    """Weights by net, as tests compare them."""
    return {name: getattr(run, name).state_dict() for name in NETS}
