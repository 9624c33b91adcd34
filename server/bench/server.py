"""Server: the server under test, in a process of its own, and what is measured of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

import psutil

from omote.clients.request import Answer, NotConnected, ask
from omote.server.bench.child import Child, ChildFailed, child

START = 60.0
"Seconds a server may take to begin on a busy machine."
SERVE = ("-c", "from omote.server.cli import main; main()", "serve", "--port", "0", "--ephemeral")
LOSSY = ("-m", "omote.server.bench.lossy_server")
SAMPLE_EVERY = 5.0
"Seconds; what the server's own figures look back on."
MIB = 1 << 20

Ages = dict[float, int]
"Frames that left at an age of at most so many milliseconds."


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment."""

    at: float
    "`time.monotonic()`, seconds."
    cpu_s: float
    "Processor time spent since it began, user and system."
    busy_s: float
    "Processor time spent by everybody on this machine since it was started."
    rss: int
    "Bytes of memory the server has."
    stats: Mapping[str, Mapping[str, Any]]
    "Its own figures, by stage."
    ages: Mapping[str, Ages]


class ServerUnderTest:
    """A running server. `stages` are those whose figures are wanted; none of a stranger's server."""

    def __init__(self, url: str, process: Child, stages: Sequence[str]) -> None:
        self.url = url
        self.stages = stages
        self._child = process
        self._process = psutil.Process(process.pid)

    def whip(self, stage: str) -> str:
        """Where to publish."""
        return f"{self.url}/whip/{stage}"

    def whep(self, stage: str) -> str:
        """Where to watch."""
        return f"{self.url}/whep/{stage}"

    async def says(self, pattern: str, within: float) -> str:
        """The first group of `pattern` in its log; raises `ChildFailed`."""
        return await self._child.says(pattern, within)

    async def mqtt_port(self) -> int:
        """Where its embedded broker listens; raises `ChildFailed`."""
        return int(await self.says(r"mqtt broker mqtt://127\.0\.0\.1:(\d+) is there", START))

    def children(self) -> list[psutil.Process]:
        """The processes it started."""
        return list(self._process.children(recursive=True))

    async def order(self, stage: str, patch: Mapping[str, Any]) -> None:
        """Make a stage and change its settings; raises `ChildFailed` when refused."""
        where = f"{self.url}/stages/{stage}"
        body = json.dumps(patch).encode()
        for answer in (await ask("PUT", where), await ask("PATCH", where, body, JSON)):
            if answer.status >= 300:
                words = answer.body.decode(errors="replace")
                raise ChildFailed(
                    f"server: the order {patch} was answered {answer.status}: {words}"
                )

    async def rung(self, stage: str) -> int:
        """Where the stage stands on its ladder."""
        answer = await self._get(f"/stages/{stage}")
        return int(json.loads(answer.body)["stats"]["rung"])

    async def sample(self) -> Sample:
        """Take all figures now."""
        stats, ages = {}, {}
        for stage in self.stages:
            stats[stage] = json.loads((await self._get(f"/stages/{stage}")).body)["stats"]
            rows = json.loads((await self._get(f"/stages/{stage}/ages")).body)["buckets"]
            ages[stage] = {row["at_most_ms"] or inf: row["count"] for row in rows}
        with self._process.oneshot():
            times, rss = self._process.cpu_times(), self._process.memory_info().rss
        return Sample(time.monotonic(), times.user + times.system, busy(), rss, stats, ages)

    async def watch(self, seconds: float) -> list[Sample]:
        """A sample now, every five seconds, and at the end."""
        samples = [await self.sample()]
        began = samples[0].at
        parts = max(1, round(seconds / SAMPLE_EVERY))
        for part in range(1, parts + 1):
            await asyncio.sleep(max(0.0, began + seconds * part / parts - time.monotonic()))
            samples.append(await self.sample())
        return samples

    async def held(self) -> dict[str, float]:
        """What it holds: memory in MiB, threads, open files, tasks."""
        words = (await self._get("/metrics")).body.decode()
        tasks = next(line for line in words.splitlines() if line.startswith("omote_asyncio_tasks"))
        return {
            "memory_mb": round(self._process.memory_info().rss / MIB, 1),
            "threads": self._process.num_threads(),
            "files": self._process.num_fds(),
            "tasks": float(tasks.split()[-1]),
        }

    async def _get(self, path: str) -> Answer:
        answer = await ask("GET", self.url + path)
        if answer.status != 200:
            raise ChildFailed(f"server: GET {path} was answered {answer.status}")
        return answer


JSON = "application/merge-patch+json"


def busy() -> float:
    """Processor seconds that all cores together were not idle."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")  # guests are counted as user time already
    return float(sum(spent for kind, spent in times.items() if kind not in idle))


@asynccontextmanager
async def omote(
    *stages: str,
    effects: Sequence[str],
    loss: float = 0.0,
    delay_ms: float = 0.0,
    more: Sequence[str] = (),
) -> AsyncIterator[ServerUnderTest]:
    """`omote serve` with these stages; with loss (percent) or delay, the same on a bad network."""
    arguments: Sequence[str] = (*SERVE, *more)
    if loss or delay_ms:
        arguments = (*LOSSY, "--loss", str(loss), "--delay-ms", str(delay_ms))
    async with running("server", arguments, stages) as server:
        for stage in stages:
            await server.order(stage, {"effects": list(effects)})
        yield server


@asynccontextmanager
async def stock() -> AsyncIterator[ServerUnderTest]:
    """A plain aiortc echo."""
    async with running("stock server", ("-m", "omote.server.bench.stock"), ()) as server:
        yield server


@asynccontextmanager
async def running(
    name: str, arguments: Sequence[str], stages: Sequence[str]
) -> AsyncIterator[ServerUnderTest]:
    """A server that says on stderr where it is."""
    async with child(name, arguments) as process:
        url = await process.says(r"is at (http://[\w.:]+)", START)
        try:
            yield ServerUnderTest(url, process, stages)
        except (ChildFailed, NotConnected) as exc:
            raise ChildFailed(f"{exc}\n{name} said last:\n{process.last_words()}") from exc
