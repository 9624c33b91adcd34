"""Door: who may connect to the embedded broker. Imported by its process, so it imports nothing."""

import hmac
import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Self


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in: anybody, or who has a password of one of these SHA-256 digests (hex)."""

    digests: list[str] = field(default_factory=list)
    own: str = ""
    "Of the server's own password."
    is_open: bool = False
    "To anybody."

    @classmethod
    def read(cls, line: str) -> Self:
        """As `line` wrote it."""
        return cls(**json.loads(line))

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    def opens(self, password: str | None) -> bool:
        """Whether somebody with this password may come in."""
        fits = [_fits(password, known) for known in (*self.digests, self.own)]
        return any(fits) or self.is_open

    def knows_as_own(self, password: str | None) -> bool:
        """Whether it is the server itself."""
        return _fits(password, self.own)


def _fits(password: str | None, known: str) -> bool:
    return hmac.compare_digest(sha256((password or "").encode()).hexdigest(), known)
