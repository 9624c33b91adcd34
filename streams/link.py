"""Link: one direction of a bad network, for benches and tests; never in the way of a real stream."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass

from aiortc import RTCPeerConnection

from omote.streams import interop
from omote.streams.interop import Send


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to datagrams on their way."""

    delay_s: float = 0.0
    "Seconds each is on its way."
    loss: float = 0.0
    "Probability, 0..1, that a datagram of media (RTP or RTCP) is lost, each for itself."
    data_loss: float = 0.0
    "The same for data channels (DTLS records that are no handshake)."
    seed: int = 1
    "The same losses each time; other hops want another one."

    @property
    def fair(self) -> bool:
        """Whether nothing happens to them."""
        return not (self.delay_s or self.loss or self.data_loss)


class Link:
    """Delays and loses what is sent through it; order is kept. One timer, whatever is on its way."""

    def __init__(self, send: Send, weather: Weather, chance: random.Random) -> None:
        self._socket = send
        self._weather = weather
        self._chance = chance
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._delivery: asyncio.Task[None] | None = None

    async def send(self, datagram: bytes) -> None:
        """Put a datagram on its way; it may never arrive."""
        if self._chance.random() < self._probability(datagram):
            return
        due = asyncio.get_running_loop().time() + self._weather.delay_s
        self._under_way.append((due, datagram))
        if self._delivery is None:
            self._delivery = asyncio.create_task(self._deliver(), name="link")

    def _probability(self, datagram: bytes) -> float:
        if is_media(datagram):
            return self._weather.loss
        return self._weather.data_loss if is_data(datagram) else 0.0

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._under_way:
                wait = self._under_way[0][0] - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._socket(self._under_way.popleft()[1])
        except ConnectionError:
            self._under_way.clear()  # the peer has left meanwhile
        finally:
            self._delivery = None


def expose(connection: RTCPeerConnection, weather: Weather) -> None:
    """Send what a connection sends through such weather, before it has gathered its candidates."""
    if not weather.fair:
        chance = random.Random(weather.seed)
        interop.send_through(connection, lambda send: Link(send, weather, chance).send)


def is_media(datagram: bytes) -> bool:
    """Whether it is RTP or RTCP, not DTLS (RFC 7983, section 7)."""
    return 128 <= datagram[0] <= 191


def is_data(datagram: bytes) -> bool:
    """Whether it is DTLS that carries a data channel: 1.2 (RFC 6347), or encrypted 1.3 (RFC 9147)."""
    return datagram[0] == 23 or 32 <= datagram[0] <= 63
