"""Training: one person's net learns to draw the face in the pose a face mask shows."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from omote.engines.training.losses import FilterBank
from omote.engines.training.puppet import checkpoint
from omote.engines.training.puppet.checkpoint import JUDGING, Run
from omote.engines.training.puppet.judge import judged, shown
from omote.engines.training.puppet.losses import LEFT_OUT, Truth, doubt, loss
from omote.engines.training.puppet.material import Material, Sample
from omote.engines.training.puppet.network import Given
from omote.engines.training.session import Plan, told_to_stop

VALIDATED = 40
"Samples in each validation."
TOLD = 50
"Steps from one line of progress to the next."
SAVED_S = 120
"Seconds from one writing of the checkpoint to the next."


def train(run: Run, given: Material, plan: Plan) -> None:
    """Train on until all steps are done, the time is spent, or a signal comes; then save."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    count = sum(value.numel() for value in run.net.parameters())
    print(f"step {run.step} of {run.settings.steps}, {count} parameters", file=sys.stderr)
    print("\n".join(LEFT_OUT), file=sys.stderr)
    until = run.cpu_s + 60 * plan.minutes
    with told_to_stop() as stopped:
        _go_on(run, given, plan, lambda: stopped() or run.cpu_s >= until)
    checkpoint.save(run, plan.file)


def _go_on(run: Run, given: Material, plan: Plan, ends: Callable[[], bool]) -> None:
    held = given.judged(VALIDATED)
    bank, saved = FilterBank(run.settings.seed), time.monotonic()
    sums: Counter[str] = Counter()
    while run.step < run.settings.steps and not ends():
        began = time.process_time()
        sums.update(advance(run, given, bank))
        if run.step % TOLD == 0:
            _tell(run, sums)
            sums.clear()
        if run.step % plan.validate_every == 0 or run.step == run.settings.steps:
            _validate(run, held, plan)
        run.cpu_s += time.process_time() - began
        if time.monotonic() - saved > SAVED_S:
            checkpoint.save(run, plan.file)
            saved = time.monotonic()


def advance(run: Run, given: Material, bank: FilterBank) -> dict[str, float]:
    """One step; the losses by name."""
    settings = run.settings
    samples = given.batch(settings.batch, (settings.seed, run.step))
    put_in, truth = given_of(samples), truth_of(samples)
    for optimizer, share in ((run.optimizer, 1.0), (run.against, 0.25)):
        for group in optimizer.param_groups:
            group["lr"] = share * settings.rate_at(run.step)
    judging = bool(settings.weights.adversarial) and run.step >= JUDGING * settings.steps
    of = run.net(put_in)
    parts = loss(put_in, of, truth, settings.weights, bank, run.critic if judging else None)
    run.optimizer.zero_grad(set_to_none=True)
    sum(parts.values(), start=torch.zeros(())).backward()
    torch.nn.utils.clip_grad_norm_(run.net.parameters(), 5.0)
    run.optimizer.step()
    if judging:
        parts["critic"] = doubt(put_in, of, truth, run.critic)
        run.against.zero_grad(set_to_none=True)
        parts["critic"].backward()
        run.against.step()
    run.step += 1
    run.averaged()
    return {name: float(part.detach()) for name, part in parts.items()}


def given_of(samples: Sequence[Sample]) -> Given:
    """What the net is shown of samples."""
    return Given(*(_stacked(samples, name) for name in ("blend", "nearest", "mask", "before")))


def truth_of(samples: Sequence[Sample]) -> Truth:
    """What the losses need of them."""
    weight = torch.from_numpy(np.stack([sample.weight for sample in samples]))[:, None]
    alpha = torch.from_numpy(np.stack([sample.alpha for sample in samples]))[:, None].float() / 255
    known = torch.tensor([float(sample.kind != "other") for sample in samples])
    return Truth(_stacked(samples, "truth"), weight, alpha, known[:, None, None, None])


def _stacked(samples: Sequence[Sample], name: str) -> Tensor:
    pictures = np.stack([getattr(sample, name) for sample in samples])
    made = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return made.contiguous(memory_format=torch.channels_last)


def _validate(run: Run, held: Sequence[Sample], plan: Plan) -> None:
    results = [shown(run.mean, given_of([sample])) for sample in held]
    figures = judged(held, results)
    run.curve.append({"step": run.step, "cpu_s": round(run.cpu_s), **figures})
    words = " ".join(f"{name} {value:.2f}" for name, value in figures.items())
    print(f"step {run.step} validation: {words}", file=sys.stderr, flush=True)
    plan.sheets.mkdir(parents=True, exist_ok=True)
    _sheet(held, results, plan.sheets / f"step-{run.step:06d}.png")


def _sheet(held: Sequence[Sample], results: Sequence[tuple[np.ndarray, ...]], file: object) -> None:
    rows = [
        np.hstack([sample.mask, sample.nearest, sample.blend, *made, sample.truth])
        for sample, made in list(zip(held, results, strict=True))[:: max(1, len(held) // 10)]
    ]
    cv2.imwrite(str(file), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _tell(run: Run, sums: Mapping[str, float]) -> None:
    words = " ".join(f"{name} {value / TOLD:.4f}" for name, value in sums.items())
    total = sum(sums.values()) / TOLD
    line = f"step {run.step} cpu {run.cpu_s / 60:.1f} min loss {total:.4f}: {words}"
    print(line, file=sys.stderr, flush=True)
