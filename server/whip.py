"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): an SDP offer over HTTP becomes a session.

ICE is trickled in but not restarted: a PATCH that asks for a restart is answered 422, as RFC 9725
section 4.3.2 has it, and the session goes on as it was.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from omote.server import fragment
from omote.server.body import require_type, text
from omote.server.catalogue import stage_named
from omote.server.channel import ControlChannels
from omote.server.depth_inlet import Second
from omote.server.fragment import Fragment, Malformed
from omote.server.problems import Problem
from omote.server.protocols import Peer, Stage, Stages
from omote.server.sessions import Session, Sessions, Side
from omote.server.stage import Occupied
from omote.server.tokens import Gate, Scope
from omote.streams.hue import FAR_M, NEAR_M, Span
from omote.streams.webrtc import Refused

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
AT_MOST = 64 * 1024  # bytes of an offer or a fragment
_ANY = {"*", '"*"'}  # RFC 9725 writes it quoted, RFC 9110 does not


class Signalling:
    """One of `/whip/{stage}` and `/whep/{stage}`, and the session URLs under it."""

    def __init__(
        self, side: Side, stages: Stages, sessions: Sessions, gate: Gate, channels: ControlChannels
    ) -> None:
        self._side = side
        self._scope: Scope = "publish" if side == "whip" else "view"
        self._stages = stages
        self._sessions = sessions
        self._gate = gate
        self._channels = channels

    async def publish(
        self,
        stage: str,
        request: Request,
        takeover: bool = False,
        depth: Literal["hue", "stereo"] | None = None,
        near_m: Annotated[float, Query(ge=0.05, le=100)] = NEAR_M,
        far_m: Annotated[float, Query(ge=0.1, le=1000)] = FAR_M,
    ) -> Response:
        """Publish to a stage: SDP offer in, answer and session URL out.

        With `depth=hue` the second video section is depth, coloured by distance from `near_m` to `far_m`;
        with `depth=stereo` it is what the right camera of the pair sees that the server was told of.
        """
        if far_m <= near_m:
            raise Problem(422, "far_m must be more than near_m")
        second: Second | None = Span(near_m, far_m) if depth == "hue" else None
        if depth == "stereo":
            second = "right"
        offer = await self._offer(stage, request)
        here = stage_named(self._stages, stage)
        make = partial(here.publish, offer, takeover=takeover, second=second)
        return await self._created(here, request, make)

    async def view(self, stage: str, request: Request) -> Response:
        """View a stage: SDP offer in, answer and session URL out."""
        offer = await self._offer(stage, request)
        here = stage_named(self._stages, stage)
        return await self._created(here, request, partial(here.view, offer))

    async def _offer(self, stage: str, request: Request) -> str:
        self._gate.check(request, self._scope, stage=stage)
        require_type(request, SDP)
        return await text(request, AT_MOST)

    async def _created(
        self, stage: Stage, request: Request, make: Callable[[], Awaitable[Peer]]
    ) -> Response:
        try:
            session = await self._sessions.open(self._side, stage.name, make)
        except Occupied as exc:
            detail = "somebody publishes here; add ?takeover=true to take their place"
            raise Problem(409, detail) from exc
        except Refused as exc:
            raise Problem(exc.status, exc.detail) from exc
        may_order = self._gate.allows(request, "control", stage.name)
        may_drive = may_order or self._gate.allows(request, "publish", stage.name)
        self._channels.offer(session.peer, stage, may_order=may_order, may_drive=may_drive)
        headers = {"Location": session.url, "ETag": session.etag, "Accept-Patch": FRAGMENT}
        return Response(session.peer.answer, 201, headers, media_type=SDP)

    async def trickle(self, stage: str, key: str, request: Request) -> Response:
        """Add the ICE candidates of a fragment to a session."""
        session = self._find(stage, key, request)
        require_type(request, FRAGMENT)
        _match(request.headers.get("if-match"), session)
        given = _fragment(await text(request, AT_MOST))
        if given.ufrag not in (None, session.peer.remote_ufrag):
            raise Problem(422, "ICE restart is not supported; end this session and start another")
        try:
            for candidate in given.candidates:
                await session.add(candidate)
        except Refused as exc:
            raise Problem(exc.status, exc.detail) from exc
        return Response(status_code=204)

    async def end(self, stage: str, key: str, request: Request) -> Response:
        """End a session, whatever its state."""
        await self._sessions.end(self._find(stage, key, request))
        return Response(status_code=200)

    def _find(self, stage: str, key: str, request: Request) -> Session:
        self._gate.check(request, self._scope, stage=stage)
        return self._sessions.find(self._side, stage, key)

    async def look(self, stage: str) -> Response:
        """Say that there is an endpoint; GET is kept for later versions of the protocols."""
        return Response(status_code=204, headers={"Accept-Post": SDP})

    async def options(self, stage: str) -> Response:
        """Say what the endpoint takes; also the answer to a CORS preflight."""
        return Response(headers={"Accept-Post": SDP}, media_type=SDP)

    async def session_options(self, stage: str, key: str) -> Response:
        """Say what a session takes, whether or not there is such a session."""
        return Response(headers={"Accept-Patch": FRAGMENT})

    def routes(self) -> APIRouter:
        """The endpoint first, then its session URLs."""
        router = APIRouter(prefix=f"/{self._side}", tags=[self._side.upper()])
        post = self.publish if self._side == "whip" else self.view
        add = partial(router.add_api_route, response_class=Response)
        add("/{stage}", post, methods=["POST"], status_code=201, openapi_extra=_takes(SDP))
        add("/{stage}", self.look, methods=["GET"], status_code=204)
        add("/{stage}", self.options, methods=["OPTIONS", "HEAD"], include_in_schema=False)
        session, patch = "/{stage}/{key}", _takes(FRAGMENT)
        add(session, self.trickle, methods=["PATCH"], status_code=204, openapi_extra=patch)
        add(session, self.end, methods=["DELETE"])
        add(session, self.session_options, methods=["OPTIONS"], include_in_schema=False)
        return router


def _match(header: str | None, session: Session) -> None:
    # A missing header should be 428, but two of three browser clients send none.
    given = {tag.strip() for tag in header.split(",")} if header else _ANY
    if not given & {session.etag, *_ANY}:
        raise Problem(412, "If-Match names another ICE session than this one")


def _fragment(body: str) -> Fragment:
    try:
        return fragment.parse(body)
    except Malformed as exc:
        raise Problem(400, str(exc)) from exc


def _takes(media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "content": content}}
