"""Finding: one thing that `omote doctor` looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["works", "missing", "wrong"]
"`missing`: not here and not needed unless used; `wrong`: Omote cannot do its work like this."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what came of it, and why."""

    name: str
    verdict: Verdict
    words: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    "The same for programs."

    def told(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        about = {"name": self.name, "verdict": self.verdict, "words": self.words}
        return about | ({"figures": dict(self.figures)} if self.figures else {})
