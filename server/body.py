"""Request bodies, read with a limit."""

from collections.abc import AsyncIterator

from fastapi import Request

from omote.server.problems import Problem

_DISCARDED = 8_000_000
"Bytes read in vain: a client that is still sending would not see the answer."


async def chunks(request: Request, at_most: int) -> AsyncIterator[bytes]:
    """The body piece by piece; raises a 413 `Problem` when it proves longer than allowed."""
    declared = request.headers.get("content-length", "0")
    fits = declared.isdigit() and int(declared) <= at_most
    if not fits and "expect" in request.headers:  # it waits to be told whether to send at all
        raise _too_large(at_most)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if fits and received <= at_most:
            yield chunk
        elif received > at_most + _DISCARDED:
            break
    if not fits or received > at_most:
        raise _too_large(at_most)


async def text(request: Request, at_most: int) -> str:
    """The whole body as UTF-8."""
    body = b"".join([chunk async for chunk in chunks(request, at_most)])
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        raise Problem(400, "the body is not UTF-8") from exc


def require_type(request: Request, *allowed: str) -> None:
    """Raise a 415 `Problem` unless the body is declared as one of these media types."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        header = "Accept-Patch" if request.method == "PATCH" else "Accept-Post"
        expected = ", ".join(allowed)
        raise Problem(415, f"send the body as Content-Type: {expected}", {header: expected})


def _too_large(at_most: int) -> Problem:
    return Problem(413, f"the body is larger than {at_most} bytes", {"Connection": "close"})
