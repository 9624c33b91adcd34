"""Channel: what publishers and viewers say over data channels, and what they are told.

`control/1`: orders, state and stats, the messages of the WebSocket: see `omote.server.websocket`.
`face/1`: faces that move the stage's puppet, see `omote.server.face_report`; back come refusals only.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

from omote.server.bulletin import bulletins
from omote.server.control import BREATHER_S, Answer, Control, cursory_id
from omote.server.protocols import Peer, Stage
from omote.streams.channel import Channel, ChannelClosed

LABEL, FACE_LABEL = "control/1", "face/1"


@dataclass(frozen=True, slots=True)
class Guest:
    """The peer at the other end of a channel."""

    name: str
    "For the rate limit."
    may_order: bool
    "Whether the token that opened its session opens `control`, too."
    may_drive: bool
    "Whether it opens `publish` or `control`."


Serve = Callable[[Channel, Stage, Guest], Coroutine[Any, Any, None]]


class ControlChannels:
    """Serves every peer's channel for as long as it is open."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, peer: Peer, stage: Stage, *, may_order: bool, may_drive: bool) -> None:
        """Serve the channels that the peer opens."""
        guest = Guest(f"channel {next(self._numbers)}", may_order, may_drive)
        for label, serve in ((LABEL, self._serve), (FACE_LABEL, self._serve_faces)):
            peer.on_channel(label, partial(self._begin, serve, stage, guest))

    def _begin(self, serve: Serve, stage: Stage, guest: Guest, channel: Channel) -> None:
        work = serve(channel, stage, guest)
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

    async def _serve_faces(self, channel: Channel, stage: Stage, guest: Guest) -> None:
        with suppress(ChannelClosed):
            async for message in channel.messages():
                if not guest.may_drive:
                    words = "the token of this session opens neither publish nor control"
                    await channel.send(json.dumps(_refused(403, words).message()))
                    channel.close()
                    return
                await asyncio.sleep(0)  # media goes first, however many faces came in one packet
                refusal = self._control.take_face(stage, message, guest.name)
                if refusal is not None and self._control.may_complain(guest.name):
                    await channel.send(json.dumps(refusal.message()))
                if stage.closed.is_set():
                    channel.close()
                    return

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
    return _refused(429, f"{number} messages came while too many waited, and were not read")


def _refused(status: int, words: str) -> Answer:
    return Answer(status, errors=[{"at": "", "message": words}])
