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
    "Empty: anybody."

    @classmethod
    def read(cls, line: str) -> Self:
        """As `line` wrote it."""
        return cls(**json.loads(line))

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    def opens(self, password: str | None) -> bool:
        """Whether somebody with this password may come in."""
        digest = sha256((password or "").encode()).hexdigest()
        fits = [hmac.compare_digest(digest, known) for known in self.digests]
        return any(fits) or not self.digests
