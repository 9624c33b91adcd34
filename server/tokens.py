"""Bearer tokens and what each may do.

A token is written `SECRET:SCOPES` or `SECRET:SCOPES:STAGES`, lists parted by commas, tokens parted
by white space or line ends; `#` begins a comment:

    5c1f0b6a8d2e4f97a3b1:admin             # everything
    9a7be01f33c54d2288f0:publish:desk      # the camera at the desk
    e04d7c8815ab4b0f9d6c:view,control      # the people in the control room
"""

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

from starlette.requests import HTTPConnection

from omote.server.problems import Problem

Scope = Literal["publish", "view", "control", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_SECRET = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")  # RFC 6750 section 2.1, and not too short
_SUBPROTOCOL = "bearer."
_STAGE = re.compile(r"[a-z0-9-]{1,40}")


class BadTokens(Exception):
    """A token that cannot be read; the message says where and why, without the secret."""


@dataclass(frozen=True, slots=True)
class Token:
    """One secret and what it opens; the secret itself is not kept."""

    digest: bytes
    "SHA-256 of the secret."
    scopes: frozenset[Scope]
    stages: frozenset[str] | None = None
    "Stages it is for; None is all of them and what is no stage's (uploads, metrics)."

    def allows(self, scope: Scope, stage: str | None) -> bool:
        """Whether it opens `scope` at a stage, or, with None, at what belongs to no one stage."""
        here = self.stages is None or stage in self.stages
        return here and (scope in self.scopes or "admin" in self.scopes)


def parse(text: str) -> tuple[Token, ...]:
    """Every token of a file or an environment variable; raises `BadTokens`."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    words = [word for line in lines for word in line.split()]
    return tuple(_token(word, place) for place, word in enumerate(words, 1))


def _token(word: str, place: int) -> Token:
    secret, *rest = word.split(":")
    if not _SECRET.fullmatch(secret):
        raise BadTokens(f"token {place}: a secret has at least 16 of A-Z a-z 0-9 . _ ~ + / -")
    if not 1 <= len(rest) <= 2:
        raise BadTokens(f"token {place}: write SECRET:SCOPES or SECRET:SCOPES:STAGES")
    stages = frozenset(rest[1].split(",")) if len(rest) == 2 else None
    if stages is not None and not all(_STAGE.fullmatch(stage) for stage in stages):
        raise BadTokens(f"token {place}: stage names are 1 to 40 of a-z 0-9 -")
    return Token(sha256(secret.encode()).digest(), _scopes(rest[0], place), stages)


def _scopes(words: str, place: int) -> frozenset[Scope]:
    given = set(words.split(","))
    if unknown := given - set(SCOPES):
        raise BadTokens(f"token {place}: no scope {min(unknown)!r}; there are {', '.join(SCOPES)}")
    return frozenset(scope for scope in SCOPES if scope in given)


def find(tokens: Iterable[Token], secret: str) -> Token | None:
    """The token of this secret; takes as long for a wrong one as for a right one."""
    digest = sha256(secret.encode()).digest()
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found


class Gate:
    """Lets requests through that carry a token for what they ask; with no tokens, all of them."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens

    def check(self, request: HTTPConnection, *scopes: Scope, stage: str | None = None) -> None:
        """Raise a 401 or 403 `Problem` unless one of `scopes` is open to the request."""
        if not self._tokens:
            return
        token = self._known(request)
        if not any(token.allows(scope, stage) for scope in scopes):
            raise _forbidden(scopes, stage)

    def allows(self, request: HTTPConnection, scope: Scope, stage: str) -> bool:
        """Whether `scope` is open to the request at a stage."""
        if not self._tokens:
            return True
        token = find(self._tokens, _secret(request) or "")
        return token is not None and token.allows(scope, stage)

    def check_any(self, request: HTTPConnection, *scopes: Scope) -> None:
        """Raise a `Problem` unless the request carries a token that opens a scope at any stage."""
        if not self._tokens:
            return
        token = self._known(request)
        if scopes and not token.scopes & {*scopes, "admin"}:
            raise _forbidden(scopes, None)

    def visible(self, request: HTTPConnection, names: Iterable[str]) -> list[str]:
        """The stages among `names` whose state the request may see."""
        if not self._tokens:
            return list(names)
        token = self._known(request)
        return [name for name in names if any(token.allows(scope, name) for scope in SCOPES)]

    def _known(self, request: HTTPConnection) -> Token:
        secret = _secret(request)
        if secret is None:
            raise _unauthorized("this server wants a token: Authorization: Bearer ...", "")
        token = find(self._tokens, secret)
        if token is None:
            raise _unauthorized("nobody knows this token", ', error="invalid_token"')
        return token


def _secret(request: HTTPConnection) -> str | None:
    """What the request carries as its token: a header, or, of a WebSocket, a subprotocol."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    for offered in request.scope.get("subprotocols", ()):
        if offered.startswith(_SUBPROTOCOL):
            return _decoded(offered.removeprefix(_SUBPROTOCOL))
    return None


def _decoded(word: str) -> str:
    """Of base64url without padding (RFC 7515, section 2); what is not that is no secret."""
    try:
        return urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode("ascii")
    except ValueError:
        return ""


def _unauthorized(detail: str, error: str) -> Problem:
    return Problem(401, detail, {"WWW-Authenticate": f'Bearer realm="omote"{error}'})


def _forbidden(scopes: tuple[Scope, ...], stage: str | None) -> Problem:
    wanted = " or ".join(scopes)
    where = "for all stages" if stage is None else f"at stage {stage[:40]!r}"
    header = f'Bearer realm="omote", error="insufficient_scope", scope="{" ".join(scopes)}"'
    detail = f"this token does not open {wanted} {where}"
    return Problem(403, detail, {"WWW-Authenticate": header})
