"""Channel: text messages over one WebRTC data channel, both ways bounded."""

import asyncio
from collections.abc import AsyncIterator

from aiortc import RTCDataChannel
from aiortc.exceptions import InvalidStateError

MOST_UNREAD = 256
"Messages that wait to be read; more are thrown away and counted."
ENOUGH_UNREAD = MOST_UNREAD // 2
"Of those; then it is crowded."
MOST_UNREAD_BYTES = 8 << 20
"And bytes of them."
MOST_UNSENT = 64 * 1024
"Bytes that wait to be sent before `send` waits."


class ChannelClosed(Exception):
    """The channel has ended, whoever ended it."""


class Channel:
    """Belongs to the event loop's thread; one task reads."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._unread: asyncio.Queue[bytes | str | None] = asyncio.Queue(MOST_UNREAD + 1)
        self._unread_bytes = 0
        self._room = asyncio.Event()
        self._dropped = 0
        self.closed = asyncio.Event()
        channel.bufferedAmountLowThreshold = MOST_UNSENT // 2
        channel.on("message", self._arrived)
        channel.on("bufferedamountlow", self._room.set)
        channel.on("close", self._ended)

    async def messages(self) -> AsyncIterator[bytes | str]:
        """Every message until the channel closes."""
        while (message := await self._unread.get()) is not None:
            self._unread_bytes -= len(message)
            yield message

    async def send(self, text: str) -> None:
        """Send, or wait until there is room to; raises `ChannelClosed`."""
        while self._channel.bufferedAmount > MOST_UNSENT and not self.closed.is_set():
            self._room.clear()
            await self._room.wait()
        try:
            self._channel.send(text)
        except InvalidStateError as exc:
            raise ChannelClosed from exc

    @property
    def is_crowded(self) -> bool:
        """Whether enough waits to be read for now."""
        return self._unread.qsize() >= ENOUGH_UNREAD and not self.closed.is_set()

    def take_dropped(self) -> int:
        """How many messages were thrown away since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """End it."""
        self._channel.close()

    def _arrived(self, message: bytes | str) -> None:
        unread = self._unread_bytes + len(message)
        if self._unread.qsize() < MOST_UNREAD and unread <= MOST_UNREAD_BYTES:
            self._unread.put_nowait(message)
            self._unread_bytes = unread
        else:
            self._dropped += 1

    def _ended(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self._unread.put_nowait(None)
            self._room.set()
