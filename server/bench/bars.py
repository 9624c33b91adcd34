"""Bars: what the figures are held against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from omote.server.bench.figures import Figures

BUDGET_MS = 1e3 / 30
"One frame interval."


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise and whether this run kept it."""

    bar: str
    value: float | None
    limit: float
    holds: bool

    def told(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {"bar": self.bar, "value": self.value, "limit": self.limit, "holds": self.holds}


def bars(cases: Sequence[Figures]) -> list[Bar]:
    """Every bar that the cases which did not fail have a figure for."""
    done = {figures.case: figures for figures in cases if figures.failed is None}
    found: list[Bar] = []
    for case, of in ALL.items():
        if case in done:
            found += of(done[case])
    if "blur" in done and "stock" in done:
        blur, stock = done["blur"].e2e_p50_ms, done["stock"].e2e_p50_ms
        if stock is not None:
            found.append(at_most("blur: e2e_p50_ms better than stock's", blur, stock))
    return found


def at_most(bar: str, value: float | None, limit: float) -> Bar:
    """Kept when the value is there and no larger."""
    return Bar(bar, value, limit, value is not None and value <= limit)


def at_least(bar: str, value: float | None, limit: float) -> Bar:
    """Kept when the value is there and no smaller."""
    return Bar(bar, value, limit, value is not None and value >= limit)


def show_bars(console: Console, held: Sequence[Bar]) -> None:
    """One line each."""
    for bar in held:
        style = "green" if bar.holds else "red"
        value = "-" if bar.value is None else str(bar.value)
        verdict = "holds" if bar.holds else "FAILS"
        console.print(f"{verdict}  {bar.bar}: {value} (bar: {bar.limit:.4g})", style=style)


def _blur(figures: Figures) -> Iterator[Bar]:
    case = figures.case
    yield at_least(f"{case}: fps_out", figures.fps_out, 29)
    yield at_most(f"{case}: age_p50_ms", figures.age_p50_ms, 25)
    yield at_most(f"{case}: age_p95_ms", figures.age_p95_ms, 45)
    if figures.age_rise_ms is not None:
        yield at_most(f"{case}: no trend in age, ms over the interval", figures.age_rise_ms, 2)
    yield at_most(f"{case}: e2e_p50_ms", figures.e2e_p50_ms, 80)
    yield at_most(f"{case}: e2e_p95_ms", figures.e2e_p95_ms, 130)
    yield at_most(f"{case}: server_cores", figures.server_cores, 0.65)


def _hair(figures: Figures) -> Iterator[Bar]:
    yield at_least("hair: fps_out", figures.fps_out, 29)
    yield at_most("hair: age_p95_ms", figures.age_p95_ms, 55)


def _deglare(figures: Figures) -> Iterator[Bar]:
    yield at_least("deglare: fps_out", figures.fps_out, 29)
    yield at_most("deglare: ms a frame, p50", figures.steps_ms.get("deglare"), 15)


def _viewers10(figures: Figures) -> Iterator[Bar]:
    each = figures.more.get("cores_per_further_viewer")
    yield at_most("viewers10: cores per further viewer", each, 0.015)


def _overload(figures: Figures) -> Iterator[Bar]:
    yield at_most("overload: age_p95_ms within two budgets", figures.age_p95_ms, 2 * BUDGET_MS)
    yield at_least("overload: the ladder shows it", figures.rung, 1)
    yield at_most("overload: seconds until full quality is back", figures.more.get("back_s"), 5)


def _loss(case: str, limit: float, figures: Figures) -> Iterator[Bar]:
    yield at_most(f"{case}: freeze_max_ms", figures.freeze_max_ms, limit)
    for way in ("av_by_reports", "av_by_arrival"):
        apart = figures.more.get(f"{way}_p50_ms")
        yield at_most(f"{case}: {way}, ms apart", None if apart is None else abs(apart), 45)


def _soak(figures: Figures) -> Iterator[Bar]:
    yield at_most("soak: rss_growth_mb", figures.rss_growth_mb, 10)
    for what, limit in (("memory_mb", 5.0), ("threads", 0.0), ("files", 0.0), ("tasks", 0.0)):
        more = figures.more.get("after_cycles", {}).get(what)
        yield at_most(f"soak: {what} left by connecting and leaving", more, limit)


ALL = {
    "blur": _blur,
    "hair": _hair,
    "deglare": _deglare,
    "page": _blur,
    "viewers10": _viewers10,
    "overload": _overload,
    "loss1": lambda figures: _loss("loss1", 250, figures),
    "loss3": lambda figures: _loss("loss3", 500, figures),
    "soak": _soak,
}
