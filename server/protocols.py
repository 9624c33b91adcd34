"""What the HTTP side needs of stages and peers, however they are made."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from omote.engines.faces.driven import Report
from omote.server.bell import Bell
from omote.server.depth_inlet import Second
from omote.streams.channel import Channel


class Peer(Protocol):
    """One peer connection of a publisher or a viewer."""

    answer: str
    "SDP, with all candidates."
    remote_ufrag: str
    "ICE ufrag of the offer."
    connected: asyncio.Event
    closed: asyncio.Event
    "Set once it has ended, whoever ended it."

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Add `candidate:...`, or with None say that there are no more; raises `Refused`."""

    def on_channel(self, label: str, opened: Callable[[Channel], None]) -> None:
        """Have `opened` called when the peer opens a data channel of this label."""

    async def close(self) -> None:
        """End it; may be called again."""


class Stage(Protocol):
    """One named live stream."""

    @property
    def name(self) -> str:
        """1 to 40 of a-z 0-9 and -."""

    @property
    def bell(self) -> Bell:
        """Rings when an order has changed something."""

    @property
    def closed(self) -> asyncio.Event:
        """Set once it has ended."""

    async def publish(self, offer: str, *, takeover: bool, second: Second | None = None) -> Peer:
        """Answer a publisher; raises `Occupied` or `Refused`."""

    async def view(self, offer: str) -> Peer:
        """Answer a viewer; raises `Refused`."""

    async def order(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a merge patch whole and return the state, or raise `Invalid`."""

    def state(self) -> dict[str, Any]:
        """What is retained: settings and who is here."""

    def stats(self) -> dict[str, Any]:
        """Figures of the last seconds."""

    def face(self) -> dict[str, Any] | None:
        """What is told of the face in the latest frame; None unless that was ordered."""

    def tell_face(self, report: Report | None) -> None:
        """Move the puppet as a tracker elsewhere says, or raise `Invalid`; None: nobody is there."""

    def age_buckets(self) -> list[tuple[float, int]]:
        """(upper bound in milliseconds, cumulative count) of the age of every frame that left."""

    def age_sum_ms(self) -> float:
        """Of all ages that are counted, milliseconds."""


class Stages(Protocol):
    """Every stage by name."""

    @property
    def bell(self) -> Bell:
        """Rings when a stage is made, removed or changed."""

    def __getitem__(self, name: str) -> Stage:
        """The stage, made if there is none yet; raises ValueError for an invalid name."""

    def get(self, name: str) -> Stage | None:
        """The stage, if there is one."""

    def names(self) -> tuple[str, ...]:
        """Names of all stages."""

    async def remove(self, name: str) -> None:
        """End a stage and forget its settings."""

    async def close(self) -> None:
        """End every stage."""
