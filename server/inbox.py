"""Inbox: messages from a broker that wait to be read, and no more of them than anybody could mean."""

import asyncio
from collections import Counter

from aiomqtt import Message

from omote.server.rate import Rate

PER_S = 100.0
"Messages on one topic in the long run, per second; a client may give fewer orders than that."
BURST = 200
"And at once."


class Inbox(asyncio.Queue[Message]):
    """Throws messages of a flood away before they have cost anything, and counts them."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._rate = Rate(PER_S, BURST)
        self._dropped: Counter[str] = Counter()

    def put_nowait(self, item: Message) -> None:
        """Take a message or count it; never raises."""
        topic = item.topic.value
        if self.full() or self._rate.take(topic) > 0:
            self._dropped[topic] += 1
        else:
            super().put_nowait(item)

    def take_dropped(self) -> Counter[str]:
        """How many messages were thrown away since the last call, by topic."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped
