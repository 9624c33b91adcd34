"""Metrics: what stages count and measure, in Prometheus' exposition format."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from omote.server.protocols import Stage, Stages
from omote.server.sessions import Sessions
from omote.server.tokens import Gate

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a stage's stats and how Prometheus is to know it."""

    key: str
    "Name in the stats."
    name: str
    help: str
    unit: float = 1.0
    "Multiplies it into base units: seconds, bytes."
    counts: bool = False
    "It only grows, while the same camera is there."

    def metric(self) -> GaugeMetricFamily | CounterMetricFamily:
        """The metric, without samples."""
        family = CounterMetricFamily if self.counts else GaugeMetricFamily
        return family(f"omote_stage_{self.name}", self.help, labels=["stage"])


FIGURES = (
    Figure("fps_in", "frames_in_per_second", "Frames that arrive"),
    Figure("fps_out", "frames_out_per_second", "Frames sent to viewers"),
    Figure("age_p50_ms", "age_p50_seconds", "Age of frames when sent, median", 1e-3),
    Figure("age_p95_ms", "age_p95_seconds", "Age of frames when sent, 95th percentile", 1e-3),
    Figure("matte_age_ms", "matte_age_seconds", "Age of the matte in use", 1e-3),
    Figure("inferred_share", "inferred_ratio", "Share of frames with a matte of their own"),
    Figure("tracked_share", "tracked_ratio", "Share of frames with the followed face"),
    Figure("driver_fps", "driver_faces_per_second", "Faces that the puppet's driver gives"),
    Figure("driver_age_ms", "driver_age_seconds", "Age of the newest of them", 1e-3),
    Figure("bitrate_kbps", "encoded_bytes_per_second", "Size of the encoded video", 125.0),
    Figure("rung", "rung", "Step of the ladder, 0 is full quality"),
    Figure("viewers", "viewers", "Viewers connected"),
    Figure("loop_lag_p95_ms", "loop_lag_p95_seconds", "Lateness of the event loop", 1e-3),
    Figure("dropped_undecoded", "dropped_undecoded", "Frames dropped before decoding", 1.0, True),
    Figure("dropped_newest", "dropped_newest", "Frames replaced by newer ones", 1.0, True),
)

EDGES_MS = {5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, inf}
"Bounds of the age histogram: fewer than stages count by, for every one costs a time series."


class StageCollector(Collector):
    """Asks every stage for its stats when Prometheus asks."""

    def __init__(self, stages: Stages, sessions: Sessions, version: str) -> None:
        self._stages = stages
        self._sessions = sessions
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """Every metric, with one sample per stage."""
        build = GaugeMetricFamily("omote_build_info", "Version that runs", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        yield GaugeMetricFamily(
            "omote_sessions", "Open WHIP and WHEP sessions", len(self._sessions)
        )
        yield GaugeMetricFamily("omote_asyncio_tasks", "Tasks alive", len(asyncio.all_tasks()))
        found = (self._stages.get(name) for name in self._stages.names())
        yield from _metrics([stage for stage in found if stage])


def _metrics(stages: Sequence[Stage]) -> Iterator[Metric]:
    stats = {stage.name: stage.stats() for stage in stages}
    for figure in FIGURES:
        metric = figure.metric()
        for name, values in stats.items():
            if (value := values.get(figure.key)) is not None:
                metric.add_metric([name], value * figure.unit)
        yield metric
    yield _ages(stages)
    yield _publishing(stages)
    yield _errors(stats)
    yield _steps(stats)


def _ages(stages: Sequence[Stage]) -> Metric:
    metric = HistogramMetricFamily(
        "omote_stage_age_seconds", "Age of frames when sent, since they began", labels=["stage"]
    )
    for stage in stages:
        kept = [(edge, count) for edge, count in stage.age_buckets() if edge in EDGES_MS]
        bounds = [("+Inf" if edge == inf else f"{edge * 1e-3:g}", count) for edge, count in kept]
        metric.add_metric([stage.name], bounds, stage.age_sum_ms() * 1e-3)
    return metric


def _publishing(stages: Sequence[Stage]) -> Metric:
    metric = GaugeMetricFamily(
        "omote_stage_publishing", "1 while a publisher is connected", labels=["stage"]
    )
    for stage in stages:
        metric.add_metric([stage.name], stage.state().get("publisher") == "connected")
    return metric


def _errors(stats: Mapping[str, Mapping[str, Any]]) -> Metric:
    metric = CounterMetricFamily(
        "omote_stage_effect_errors", "Frames an effect failed on", labels=["stage", "effect"]
    )
    for name, values in stats.items():
        for effect, count in values.get("effect_errors", {}).items():
            metric.add_metric([name, effect], count)
    return metric


def _steps(stats: Mapping[str, Mapping[str, Any]]) -> Metric:
    metric = GaugeMetricFamily(
        "omote_stage_step_seconds", "Time one frame takes, by step", labels=["stage", "step"]
    )
    for name, values in stats.items():
        for step, took_ms in values.get("steps_ms", {}).items():
            metric.add_metric([name, step], took_ms * 1e-3)
    return metric


def routes(collector: Collector, gate: Gate) -> APIRouter:
    """`/metrics`, with this process's CPU time, memory and open files."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)

    async def metrics(request: Request) -> Response:
        """Figures of the server and of every stage, for Prometheus."""
        gate.check(request, "view", "control")
        return Response(generate_latest(registry), media_type=_TYPE)

    router = APIRouter(tags=["server"])
    router.add_api_route("/metrics", metrics, response_class=Response)
    return router
