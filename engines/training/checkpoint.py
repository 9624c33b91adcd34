"""Checkpoint: everything a training needs to go on as if it had never stopped, in one small file."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from omote.engines.training.network import Separator, Shape
from omote.engines.training.session import averaged, plain, written

WARM_UP = 200
"Steps in which the rate rises."

EASY = 0.15
"Share of the steps in which glare becomes as hard as it is."

DECAY = 0.4
"Share of the steps, at the end, in which the rate falls."

WIDE = 16 / 9
"Width of a whole frame in its heights."

FAINT = 10.0, 6.0
"""Errors, levels of 255, that are hardly worth less: before the rate falls, and at the end.

Doubt must not cost more than glare is worth, or the untouched picture is all that is learnt.
Caution is learnt last.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training is; a resumed one keeps them, but for the number of steps."""

    seed: int = 0
    steps: int = 140_000
    batch: int = 6
    "Pictures a step; fewer of them when they are whole frames."
    side: int = 144
    "Of the pictures, pixels."
    rate: float = 1e-3
    shape: Shape = field(default_factory=Shape)

    def sizes_at(self, step: int) -> tuple[int, tuple[int, int]]:
        """Batch, height and width: by turns parts and whole frames, of about as many pixels in all.

        Whole frames tell a veil from a white wall better; parts are more various.
        """
        if step % 2 == 0:
            return self.batch, (self.side, self.side)
        wide = round(self.side * WIDE / 16) * 16
        return max(self.batch * self.side // wide, 1), (self.side, wide)

    def ease_at(self, step: int) -> float:
        """How much easier the glare is, 1 at first, 0 after a while."""
        return max(1 - step / (EASY * self.steps), 0.0)

    def rate_at(self, step: int) -> float:
        """The learning rate: it rises, stays, and falls straight towards the end."""
        return self.rate * min((step + 1) / WARM_UP, max(self._left(step), 0.01))

    def faint_at(self, step: int) -> float:
        """The error, levels of 255, that is hardly worth less."""
        first, last = FAINT
        return last + (first - last) * max(self._left(step), 0.0)

    def _left(self, step: int) -> float:
        """Of the time in which the rate falls, 1 until it begins."""
        return min((self.steps - step) / (DECAY * self.steps), 1.0)


@dataclass(slots=True, eq=False)
class Run:
    """A training under way."""

    settings: Settings
    net: Separator
    mean: Separator
    "The net whose weights are a running mean of the other's; this one is used."
    optimizer: torch.optim.Optimizer
    step: int = 0
    cpu_s: float = 0.0
    "Processor time spent so far, in every session."
    curve: list[dict[str, float]] = field(default_factory=list)
    "What validation gave."

    def averaged(self) -> None:
        """Let the mean follow."""
        averaged(self.mean, self.net, 1 - min(0.999, (1 + self.step) / (10 + self.step)))


def opened(path: Path, settings: Settings, steps: int | None = None) -> Run:
    """Go on from a file, if it is there, else begin; `steps` is another end than the settings'."""
    if path.exists():
        return load(path, steps)
    return begun(replace(settings, steps=steps or settings.steps))


def begun(settings: Settings) -> Run:
    """A training at its first step."""
    torch.manual_seed(settings.seed)
    net, mean = _separator(settings), _separator(settings)
    mean.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(net.parameters(), settings.rate, (0.9, 0.99), weight_decay=1e-3)
    return Run(settings, net, mean.eval().requires_grad_(False), optimizer)


def _separator(settings: Settings) -> Separator:
    net = Separator(settings.shape)
    return net.to(memory_format=torch.channels_last)


def save(run: Run, path: Path) -> None:
    """Write the file whole or not at all."""
    written(_packed(run), path)


def _packed(run: Run) -> dict[str, Any]:
    return {
        "settings": asdict(run.settings),
        "net": plain(run.net),
        "mean": plain(run.mean),
        "optimizer": run.optimizer.state_dict(),
        "step": run.step,
        "cpu_s": run.cpu_s,
        "curve": run.curve,
    }


def load(path: Path, steps: int | None = None) -> Run:
    """The training as it was saved; `steps` is another end for it."""
    kept = torch.load(path, weights_only=True)
    given = kept["settings"]
    given |= {"shape": Shape(**given["shape"])} | ({"steps": steps} if steps else {})
    settings = Settings(**given)
    run = begun(settings)
    run.net.load_state_dict(kept["net"])
    run.mean.load_state_dict(kept["mean"])
    run.optimizer.load_state_dict(kept["optimizer"])
    run.step, run.cpu_s, run.curve = kept["step"], kept["cpu_s"], kept["curve"]
    return run
