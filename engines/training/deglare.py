"""Deglare: the training of the net that takes reflections and glare away."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from omote.engines.training import checkpoint
from omote.engines.training.checkpoint import Run
from omote.engines.training.glare import UNSEEN, Sample
from omote.engines.training.judge import judged
from omote.engines.training.losses import FilterBank, Truth, Weights, loss
from omote.engines.training.material import Material, composites
from omote.engines.training.network import linear
from omote.engines.training.session import Plan, told_to_stop
from omote.engines.training.sheets import sheet

VALIDATED = 96
"Samples in each validation."

TOLD = 100
"Steps from one line of progress to the next."

SAVED_S = 180
"Seconds from one writing of the checkpoint to the next."


def train(run: Run, given: Material, plan: Plan) -> None:
    """Train on until all steps are done, the time is spent, or a signal comes; then save."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    count = sum(value.numel() for value in run.net.parameters())
    print(f"step {run.step} of {run.settings.steps}, {count} parameters", file=sys.stderr)
    until = run.cpu_s + 60 * plan.minutes
    with told_to_stop() as stopped:
        _go_on(run, given, plan, lambda: stopped() or run.cpu_s >= until)
    checkpoint.save(run, plan.file)


def _go_on(run: Run, given: Material, plan: Plan, ends: Callable[[], bool]) -> None:
    held = composites(given.validation, VALIDATED, seed=1)
    bank, weights, saved = FilterBank(run.settings.seed), Weights(), time.monotonic()
    sums: Counter[str] = Counter()
    while run.step < run.settings.steps and not ends():
        began = time.process_time()
        sums.update(advance(run, given, bank, weights))
        if run.step % TOLD == 0:
            _tell(run, sums)
            sums.clear()
        if run.step % plan.validate_every == 0:
            _validate(run, held, plan.sheets)
        run.cpu_s += time.process_time() - began
        if time.monotonic() - saved > SAVED_S:
            checkpoint.save(run, plan.file)
            saved = time.monotonic()


def advance(run: Run, given: Material, bank: FilterBank, weights: Weights) -> dict[str, float]:
    """One step; the losses by name."""
    settings = run.settings
    ease, numbers = settings.ease_at(run.step), (settings.seed, run.step)
    samples = given.batch(*settings.sizes_at(run.step), ease, numbers)
    truth = truth_of(samples, settings.faint_at(run.step))
    for group in run.optimizer.param_groups:
        group["lr"] = settings.rate_at(run.step)
    parts = loss(truth, run.net(truth.shown), weights, bank)
    run.optimizer.zero_grad(set_to_none=True)
    sum(parts.values(), start=torch.zeros(())).backward()
    torch.nn.utils.clip_grad_norm_(run.net.parameters(), 1.0)
    run.optimizer.step()
    run.step += 1
    run.averaged()
    return {name: float(part.detach()) for name, part in parts.items()}


def truth_of(samples: Sequence[Sample], faint: float) -> Truth:
    """What the losses need, of samples of one size."""
    shown, clean = (tensor(np.stack([getattr(s, n) for s in samples])) for n in ("shown", "clean"))
    known = (shown.amin(1, keepdim=True) < UNSEEN / 255).float()
    return Truth(shown, clean, linear(shown) - linear(clean), known, faint)


def tensor(pictures: np.ndarray) -> Tensor:
    """(N, H, W, 3) bytes as (N, 3, H, W), 0..1."""
    given = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    return given.contiguous(memory_format=torch.channels_last)


def _validate(run: Run, held: Sequence[Sample], sheets: Path) -> None:
    figures, results = judged(run.mean, held)
    run.curve.append({"step": run.step, "cpu_s": round(run.cpu_s), **figures})
    words = " ".join(f"{name} {value:.2f}" for name, value in figures.items())
    print(f"step {run.step} validation: {words}", file=sys.stderr, flush=True)
    if len(run.curve) % 4 == 1:
        sheets.mkdir(parents=True, exist_ok=True)
        sheet(held[:24], results[:24], sheets / f"step-{run.step:06d}.png")


def _tell(run: Run, sums: Mapping[str, float]) -> None:
    words = " ".join(f"{name} {value / TOLD:.4f}" for name, value in sums.items())
    total = sum(sums.values()) / TOLD
    line = f"step {run.step} cpu {run.cpu_s / 60:.1f} min loss {total:.4f}: {words}"
    print(line, file=sys.stderr, flush=True)
