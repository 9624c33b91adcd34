"""Guard: what every request passes first - who asks, how often - and the headers of every answer.

Without tokens, being able to reach the loopback host is all it takes. A web page anywhere can make
the visitor's browser do that, by rebinding its DNS name or by plain cross-origin requests; so then
`Host` must name this machine, and so must `Origin` in a request that changes anything.
"""

import asyncio
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omote.server.config import Config, is_loopback
from omote.server.problems import Problem, answer
from omote.server.rate import Rate

_HARMLESS = {"GET", "HEAD", "OPTIONS"}

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
        " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CORS = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Expose-Headers": (
        "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate"
    ),
    "Access-Control-Max-Age": "600",
    "Vary": "Origin",
}


BREATHER_S = 0.05
"Seconds that somebody who asks too often waits for the refusal, so that he cannot ask faster."


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._open = not config.tokens
        self._rate = Rate(config.requests_per_s, config.request_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, or answer it with a problem."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        send = self._adding(headers, send) if scope["type"] == "http" else send
        try:
            self._check(scope, headers)
        except Problem as problem:
            if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(BREATHER_S)
            return await _refuse(problem, scope, receive, send)
        app = Response(status_code=204) if _is_preflight(scope, headers) else self._app
        await app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        # A WebSocket has no method: it changes things and CORS does not apply to it.
        changes = scope.get("method") not in _HARMLESS
        if self._open:
            _check_host(headers)
            if changes:
                _check_origin(headers)
        if changes:
            self._check_rate(scope)

    def _check_rate(self, scope: Scope) -> None:
        client = scope.get("client") or ("", 0)
        wait_s = self._rate.take(str(client[0]))
        if wait_s > 0:
            header = {"Retry-After": str(int(wait_s) + 1)}
            raise Problem(429, "too many requests, come back later", header)

    def _adding(self, asked: Headers, send: Send) -> Send:
        origin = asked.get("origin")

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                if allowed := self._allowed(origin):
                    headers.update(_CORS | {"Access-Control-Allow-Origin": allowed})
            await send(message)

        return adding

    def _allowed(self, origin: str | None) -> str | None:
        """Whose scripts may read the answer: with tokens anybody's, for they had to bring one."""
        if not self._open:
            return "*"
        return origin if origin and _is_local(origin) else None


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether CORS headers are all that is asked; WHIP and WHEP say more themselves."""
    asked = scope.get("method") == "OPTIONS" and "access-control-request-method" in headers
    return asked and not scope["path"].startswith(("/whip/", "/whep/"))


def _check_host(headers: Headers) -> None:
    if not is_loopback(_hostname(f"//{headers.get('host', '')}")):
        raise Problem(403, "Host must be this machine; to be reached by another name, set tokens")


def _check_origin(headers: Headers) -> None:
    origin = headers.get("origin")
    if origin is not None and not _is_local(origin):
        raise Problem(403, "pages of other sites may change nothing here; to let them, set tokens")


def _is_local(origin: str) -> bool:
    return origin.startswith(("http://", "https://")) and is_loopback(_hostname(origin))


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # such as an unclosed bracket
        return ""


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem.detail})
        return
    response = answer(problem.status, problem.detail, problem.headers)
    await response(scope, receive, send)
