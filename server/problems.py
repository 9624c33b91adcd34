"""Errors over HTTP: problem details (RFC 9457), and nothing of the server's insides."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class Problem(Exception):
    """A request that cannot be answered as asked; `detail` says what to do instead."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def answer(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """A problem as a response; `errors` are pairs of `at` and `message`."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    body["detail"] = detail or title
    if errors:
        body["errors"] = list(errors)
    # ASCII only: a lone surrogate quoted from somebody's JSON cannot be sent as UTF-8.
    content = json.dumps(body).encode()
    return Response(content, status, headers, media_type="application/problem+json")


async def _problem(request: Request, exc: Problem) -> Response:
    return answer(exc.status, exc.detail, exc.headers)


async def _http(request: Request, exc: HTTPException) -> Response:
    return answer(exc.status_code, str(exc.detail), exc.headers)


async def _invalid(request: Request, exc: RequestValidationError) -> Response:
    errors = [
        {"at": ".".join(str(part) for part in error["loc"]), "message": str(error["msg"])}
        for error in exc.errors()
    ]
    return answer(422, "the request does not have the expected form", errors=errors)


async def _gone(request: Request, exc: ClientDisconnect) -> Response:
    return answer(400, "the connection closed before the request was complete")


async def _broken(request: Request, exc: Exception) -> Response:
    return answer(500, "the server made a mistake; its log has the details")


HANDLERS: Mapping[int | type[Exception], Handler] = {
    Problem: _problem,
    HTTPException: _http,
    RequestValidationError: _invalid,
    ClientDisconnect: _gone,
    Exception: _broken,
}
