"""Session: what every training needs: to be told to stop, a running mean, a file that is whole."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in one session."""

    file: Path
    "Written every few minutes and at the end."
    sheets: Path
    "Folder for pictures of what validation gave."
    minutes: float
    "Of processor time."
    validate_every: int = 500
    "Steps."


@contextmanager
def told_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT came; the step under way is finished and saved."""
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def averaged(mean: nn.Module, net: nn.Module, share: float) -> None:
    """Let a running mean of a net's weights follow by a share."""
    with torch.no_grad():
        pairs = zip(mean.state_dict().values(), net.state_dict().values(), strict=True)
        for kept, now in pairs:
            if kept.is_floating_point():
                kept.lerp_(now, share)


def plain(net: nn.Module) -> dict[str, Any]:
    """Its weights as they are kept."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}


def written(kept: dict[str, Any], path: Path) -> None:
    """A file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(kept, unfinished)
    os.replace(unfinished, path)
