"""App: the whole HTTP face as one ASGI application, put together from its parts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from omote.server import asyncapi, handbook, metrics, pages
from omote.server.catalogue import Catalogue
from omote.server.channel import ControlChannels
from omote.server.config import Config
from omote.server.control import Control
from omote.server.guard import Guard
from omote.server.media import Media
from omote.server.metrics import StageCollector
from omote.server.mqtt import Mqtt
from omote.server.problems import HANDLERS
from omote.server.protocols import Stages
from omote.server.sessions import Sessions
from omote.server.tokens import Gate
from omote.server.websocket import ControlSockets
from omote.server.whip import Signalling

VERSION = version("omote")
WEB = Path(str(files("omote.clients"))) / "web"
_DESCRIPTION = "Real-time video effects: WebRTC in (WHIP), WebRTC out (WHEP), orders as JSON."


def create_app(
    config: Config,
    stages: Stages,
    control: Control | None = None,
    mqtt: Mqtt | None = None,
    web: Path = WEB,
) -> ASGIApp:
    """Everything behind one address; sessions and stages are closed when the app shuts down."""
    sessions = Sessions(config.connect_timeout_s, config.max_sessions)
    gate = Gate(config.tokens)
    control = control or Control(config.orders_per_s, config.order_burst)
    channels = ControlChannels(control)
    app = FastAPI(
        title="Omote",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=_lifespan(sessions, stages, mqtt),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict(HANDLERS),
    )
    app.include_router(Signalling("whip", stages, sessions, gate, channels).routes())
    app.include_router(Signalling("whep", stages, sessions, gate, channels).routes())
    app.include_router(Catalogue(stages, gate, control).routes())
    app.include_router(ControlSockets(stages, gate, control).routes())
    app.include_router(Media(config.data, gate).routes())
    app.include_router(metrics.routes(StageCollector(stages, sessions, VERSION), gate))
    app.include_router(_server(app, gate, mqtt))
    app.include_router(pages.routes(web))
    return Guard(app, config)


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def _lifespan(sessions: Sessions, stages: Stages, mqtt: Mqtt | None) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with sessions, mqtt or nullcontext():
            yield
        await stages.close()

    return lifespan


def _server(app: FastAPI, gate: Gate, mqtt: Mqtt | None) -> APIRouter:
    async def health() -> dict[str, str]:
        """Answer as long as the server works, with or without its MQTT broker."""
        return {"status": "ok", "version": VERSION, "mqtt": mqtt.status if mqtt else "off"}

    async def messages(request: Request) -> dict[str, Any]:
        """Describe what goes over MQTT, WebSocket and data channel (AsyncAPI 3)."""
        gate.check_any(request)
        return asyncapi.document(VERSION, mqtt)

    async def docs() -> HTMLResponse:
        """Show this interface as a page."""
        return HTMLResponse(handbook.page(app.openapi()))

    router = APIRouter(tags=["server"])
    router.add_api_route("/health", health)
    router.add_api_route("/health", health, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/asyncapi.json", messages)
    router.add_api_route("/docs", docs, response_class=HTMLResponse)
    return router
