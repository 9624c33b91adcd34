"""WebSocket: orders, state and stats over `/stages/{name}/control`.

In: orders, JSON merge patches, one a message. Out: the answer to each, in turn; `{"state": ...}` at
once and whenever it changes; `{"stats": ...}` each second. A browser, which can send no headers
here, gives its token as a subprotocol: `bearer.` and the secret in base64url, beside `control.1`.
"""

import asyncio
import json
from contextlib import aclosing
from http import HTTPStatus

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from omote.server.bulletin import bulletins
from omote.server.catalogue import client_of
from omote.server.control import BREATHER_S, Control
from omote.server.problems import Problem, answer
from omote.server.protocols import Stage, Stages
from omote.server.tokens import Gate

SUBPROTOCOL = "control.1"
MOST_SOCKETS = 100
"Open at once, over all stages."


class ControlSockets:
    """`/stages/{name}/control`."""

    def __init__(self, stages: Stages, gate: Gate, control: Control) -> None:
        self._stages = stages
        self._gate = gate
        self._control = control
        self._open = 0

    async def serve(self, name: str, websocket: WebSocket) -> None:
        """Serve one client until it leaves or the stage is removed."""
        try:
            stage = self._admit(name, websocket)
        except Problem as exc:
            await websocket.send_denial_response(answer(exc.status, exc.detail, exc.headers))
            return
        self._open += 1
        try:
            await self._serve(websocket, stage)
        except* WebSocketDisconnect:
            pass
        finally:
            self._open -= 1

    def _admit(self, name: str, websocket: WebSocket) -> Stage:
        self._gate.check(websocket, "control", stage=name)
        stage = self._stages.get(name)
        if stage is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no such stage; PUT makes it")
        if self._open >= MOST_SOCKETS:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many sockets, come back later")
        return stage

    async def _serve(self, websocket: WebSocket, stage: Stage) -> None:
        offered = websocket.scope["subprotocols"]
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(websocket, stage))
            await self._listen(websocket, stage)
            telling.cancel()

    async def _listen(self, websocket: WebSocket, stage: Stage) -> None:
        client = client_of(websocket)
        while (event := await websocket.receive())["type"] == "websocket.receive":
            message = event.get("text") or event.get("bytes") or ""
            answered = await self._control.carry_out(stage, message, client)
            await websocket.send_text(json.dumps(answered.message()))
            if answered.status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(BREATHER_S)

    async def _tell(self, websocket: WebSocket, stage: Stage) -> None:
        async with aclosing(bulletins(stage)) as messages:
            async for message in messages:
                await websocket.send_text(json.dumps(message))
        await websocket.close(1001, "the stage was removed")

    def routes(self) -> APIRouter:
        """The explicit list."""
        router = APIRouter()
        router.add_api_websocket_route("/stages/{name}/control", self.serve)
        return router
