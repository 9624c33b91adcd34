"""Sessions: which WHIP and WHEP session URL stands for which peer, and how they end."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from omote.server.fragment import Candidate
from omote.server.problems import Problem
from omote.server.protocols import Peer

logger = logging.getLogger(__name__)

Side = Literal["whip", "whep"]
MOST_CANDIDATES = 100  # of one peer; browsers send a dozen, each costs connectivity checks


@dataclass(slots=True)
class Session:
    """One peer and the URL it is reached by."""

    side: Side
    stage: str
    peer: Peer
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')
    "Strong, one per ICE session (RFC 9725 section 4.3.1)."
    candidates: int = 0
    "How many the peer has sent."

    @property
    def url(self) -> str:
        """Path of the session's URL; whoever knows it can end the session."""
        return f"/{self.side}/{self.stage}/{self.key}"

    async def add(self, candidate: Candidate) -> None:
        """Hand one candidate to the peer; raises `Refused`."""
        self.candidates += 1
        if self.candidates > MOST_CANDIDATES:
            raise Problem(422, f"more than {MOST_CANDIDATES} candidates in one session")
        # All media is bundled, so a candidate without a section belongs to the first.
        index = None if candidate.mid else 0
        await self.peer.add_candidate(candidate.line, candidate.mid, index)


class Sessions:
    """Open sessions; each leaves when its peer ends or does not connect in time."""

    def __init__(self, connect_timeout_s: float, at_most: int) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._at_most = at_most
        self._opening = 0
        self._open: dict[str, Session] = {}
        self._watches: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    async def open(self, side: Side, stage: str, make: Callable[[], Awaitable[Peer]]) -> Session:
        """Make a peer and give it a URL; raises a 503 `Problem` when there are too many."""
        if len(self._open) + self._opening >= self._at_most:
            raise Problem(503, "too many sessions, come back later", {"Retry-After": "5"})
        self._opening += 1
        try:
            session = Session(side, stage, await make())
        finally:
            self._opening -= 1
        self._open[session.key] = session
        watch = asyncio.create_task(self._watch(session), name=f"watch {side} {stage}")
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        logger.info("%s session on %s opened", side, stage)
        return session

    def find(self, side: Side, stage: str, key: str) -> Session:
        """The open session of this URL; raises a 404 `Problem`."""
        session = self._open.get(key)
        if session is None or (session.side, session.stage) != (side, stage):
            raise Problem(404, "no such session; it has ended or never was")
        return session

    async def end(self, session: Session) -> None:
        """Forget a session and close its peer."""
        if self._open.pop(session.key, None):
            logger.info("%s session on %s ended", session.side, session.stage)
        await session.peer.close()

    async def _watch(self, session: Session) -> None:
        peer = session.peer
        with suppress(TimeoutError):
            await asyncio.wait_for(peer.closed.wait(), self._connect_timeout_s)
        if peer.connected.is_set():
            await peer.closed.wait()
        elif not peer.closed.is_set():
            logger.info("%s session on %s never connected", session.side, session.stage)
        await self.end(session)

    async def __aenter__(self) -> Self:
        """Sessions are open while the block runs."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every session and wait for it."""
        await asyncio.gather(*(self.end(session) for session in tuple(self._open.values())))
        if self._watches:
            await asyncio.wait(tuple(self._watches), timeout=5.0)
