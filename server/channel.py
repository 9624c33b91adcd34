"""Channel: orders, state and stats over the data channel `control/1` of publishers and viewers.

The messages are those of the WebSocket: see `omote.server.websocket`.
"""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count

from omote.server.bulletin import bulletins
from omote.server.control import BREATHER_S, Answer, Control, cursory_id
from omote.server.protocols import Peer, Stage
from omote.streams.channel import Channel, ChannelClosed

LABEL = "control/1"


@dataclass(frozen=True, slots=True)
class Guest:
    """The peer at the other end of a channel."""

    name: str
    "For the rate limit."
    may_order: bool
    "Whether the token that opened its session opens `control`, too."


class ControlChannels:
    """Serves every peer's channel for as long as it is open."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, peer: Peer, stage: Stage, *, may_order: bool) -> None:
        """Serve the channel if the peer opens one."""
        guest = Guest(f"channel {next(self._numbers)}", may_order)
        peer.on_channel(LABEL, lambda channel: self._begin(channel, stage, guest))

    def _begin(self, channel: Channel, stage: Stage, guest: Guest) -> None:
        work = self._serve(channel, stage, guest)
        task = asyncio.create_task(work, name=f"{guest.name} of stage {stage.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, channel: Channel, stage: Stage, guest: Guest) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(channel, stage))
                await self._listen(channel, stage, guest)
                telling.cancel()
        except* ChannelClosed:
            pass

    async def _listen(self, channel: Channel, stage: Stage, guest: Guest) -> None:
        async for message in channel.messages():
            answer = await self._answer(stage, message, guest)
            await channel.send(json.dumps(answer.message()))
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(BREATHER_S)
            if dropped := channel.take_dropped():
                await channel.send(json.dumps(_unread(dropped).message()))

    async def _answer(self, stage: Stage, message: bytes | str, guest: Guest) -> Answer:
        if guest.may_order:
            return await self._control.carry_out(stage, message, guest.name)
        words = "the token of this session does not open control"
        return Answer(403, cursory_id(message), errors=[{"at": "", "message": words}])

    async def _tell(self, channel: Channel, stage: Stage) -> None:
        async with aclosing(bulletins(stage)) as messages:
            async for message in messages:
                await channel.send(json.dumps(message))
        channel.close()


def _unread(number: int) -> Answer:
    words = f"{number} messages came while too many waited, and were not read"
    return Answer(429, errors=[{"at": "", "message": words}])
