"""Stock: what a plain aiortc program does - the same WHIP and WHEP, aiortc's own buffers and encoders.

It decodes what is published and encodes it again for each viewer, changing nothing.
"""

import asyncio
import secrets
from pathlib import Path

import typer
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack
from fastapi import FastAPI, Request, Response

from omote.clients.process import new_loop
from omote.server.config import Config
from omote.server.serve import Server, address, listening, set_up_logging
from omote.streams import interop


class Echo:
    """One stage's worth of aiortc, as its examples have it."""

    def __init__(self) -> None:
        self._relay = MediaRelay()
        self._track: MediaStreamTrack | None = None
        self._connections: dict[str, RTCPeerConnection] = {}

    async def publish(self, request: Request) -> Response:
        """Take the picture of a publisher."""
        connection = self._connection()
        connection.on("track", self._take)
        return await self._answer(connection, request, "whip")

    async def view(self, request: Request) -> Response:
        """Give it to a viewer."""
        if self._track is None:
            return Response("nobody publishes", 409)
        connection = self._connection()
        connection.addTrack(self._relay.subscribe(self._track))
        return await self._answer(connection, request, "whep")

    async def end(self, key: str) -> Response:
        """End a session."""
        connection = self._connections.pop(key, None)
        if connection is not None:
            await connection.close()
        return Response()

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(each.close() for each in self._connections.values()))

    def _take(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._track = track

    def _connection(self) -> RTCPeerConnection:
        return RTCPeerConnection(RTCConfiguration(iceServers=[]))  # no STUN server on the internet

    async def _answer(self, connection: RTCPeerConnection, request: Request, side: str) -> Response:
        offer = (await request.body()).decode()
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        interop.bind_media_to_loopback(connection)
        await connection.setLocalDescription(await connection.createAnswer())
        key = secrets.token_urlsafe(16)
        self._connections[key] = connection
        headers = {"Location": f"/{side}/a/{key}"}
        return Response(connection.localDescription.sdp, 201, headers, "application/sdp")


async def serve() -> None:
    """Serve until SIGINT or SIGTERM."""
    echo = Echo()
    app = FastAPI()
    app.add_api_route("/whip/{stage}", echo.publish, methods=["POST"], response_model=None)
    app.add_api_route("/whep/{stage}", echo.view, methods=["POST"], response_model=None)
    for side in ("whip", "whep"):
        app.add_api_route(f"/{side}/{{stage}}/{{key}}", echo.end, methods=["DELETE"])
    config = Config(port=0, data=Path())
    settings = uvicorn.Config(app, log_config=None, access_log=False)
    with listening(config) as listener:
        await Server(settings, address(config, listener)).serve(sockets=[listener])
    await echo.close()


def main() -> None:
    """Serve on a free port of the loopback host."""
    set_up_logging("info")
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    typer.run(main)
