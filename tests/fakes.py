"""Stages and peers that obey the HTTP side's protocols without any media, and a server for them."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from omote.engines.faces.driven import Report
from omote.server.app import create_app
from omote.server.bell import Bell
from omote.server.config import Config
from omote.server.depth_inlet import Second
from omote.server.orders import Invalid
from omote.server.stage import Occupied
from omote.streams.channel import Channel
from omote.streams.webrtc import Refused

OFFER = "v=0\r\n(an offer)\r\n"
ANSWER = "v=0\r\n(an answer)\r\n"
UFRAG = "ufrg"


@dataclass(eq=False)
class FakePeer:
    answer: str = ANSWER
    remote_ufrag: str = UFRAG
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    candidates: list[tuple[str | None, str | None, int | None]] = field(default_factory=list)
    channels: dict[str, Callable[[Channel], None]] = field(default_factory=dict)

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        if line is not None and "unusable" in line:
            raise Refused(400, "an unusable candidate")
        self.candidates.append((line, mid, index))

    def on_channel(self, label: str, opened: Callable[[Channel], None]) -> None:
        self.channels[label] = opened

    async def close(self) -> None:
        self.closed.set()


class FakeStage:
    """Refuses an offer that says `refuse STATUS`, and an order that has a `bad` in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.publisher: FakePeer | None = None
        self.viewers: list[FakePeer] = []
        self.orders: list[Mapping[str, Any]] = []
        self.reports: list[Report | None] = []
        self.bell = Bell()
        self.closed = asyncio.Event()

    async def publish(
        self, offer: str, *, takeover: bool, second: Second | None = None
    ) -> FakePeer:
        if self.publisher and not takeover:
            raise Occupied
        if self.publisher:
            await self.publisher.close()
        self.publisher = accepted(offer)
        return self.publisher

    async def view(self, offer: str) -> FakePeer:
        self.viewers.append(accepted(offer))
        return self.viewers[-1]

    async def order(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        if "bad" in patch:
            raise Invalid([{"at": "bad", "message": "there is no such thing"}])
        if "broken" in patch:
            raise RuntimeError("a secret of the server")
        self.orders.append(patch)
        return self.state()

    def state(self) -> dict[str, Any]:
        return {"publisher": "connected" if self.publisher else "waiting", "orders": self.orders}

    def age_buckets(self) -> list[tuple[float, int]]:
        return [(1.0, 0), (20.0, 5), (21.0, 7), (math.inf, 9)]

    def age_sum_ms(self) -> float:
        return 130.0

    def face(self) -> dict[str, Any] | None:
        return None

    def tell_face(self, report: Report | None) -> None:
        self.reports.append(report)

    def stats(self) -> dict[str, Any]:
        return {
            "fps_in": 29.9,
            "age_p50_ms": 20.0,
            "matte_age_ms": None,
            "dropped_newest": 3,
            "bitrate_kbps": 1500,
            "effect_errors": {"matte": 2},
            "steps_ms": {"decode": 2.5},
        }


class FakeStages:
    def __init__(self) -> None:
        self.all: dict[str, FakeStage] = {}
        self.bell = Bell()
        self.closed = False

    def __getitem__(self, name: str) -> FakeStage:
        if not name.isidentifier():
            raise ValueError("no stage name")
        return self.all.setdefault(name, FakeStage(name))

    def get(self, name: str) -> FakeStage | None:
        return self.all.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self.all)

    async def remove(self, name: str) -> None:
        del self.all[name]

    async def close(self) -> None:
        self.closed = True


def accepted(offer: str) -> FakePeer:
    if offer.startswith("refuse"):
        raise Refused(int(offer.split()[1]), "an offer to refuse")
    return FakePeer()


class QuietServer(uvicorn.Server):
    """uvicorn in a test: no signals, and an event instead of a line once it listens."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, access_log=False))
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Any:
        yield

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port, in this loop; gives its address."""
    server = QuietServer(app)
    task = asyncio.create_task(server.serve(), name="server")
    try:
        async with asyncio.timeout(10):
            await server.listening.wait()
        yield server.url
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def faked(data: Path, **settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, FakeStages]]:
    """A client of a real server whose stages are fakes."""
    stages = FakeStages()
    async with (
        serving(create_app(Config(data=data, **settings), stages)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client, stages


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Whether it is a whole problem document (RFC 9457) of that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    return problem["status"] == status and bool(problem["detail"]) and bool(problem["title"])
