"""Fragment: what a trickle ICE PATCH carries, `application/trickle-ice-sdpfrag` (RFC 8840)."""

import re
from dataclasses import dataclass

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 section 5.4
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MID = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,64}")  # a token of RFC 8866
_MEDIA = re.compile(r"[a-z]+ \d{1,5}(/\d+)? [A-Z/]+( \S+)+")
_CANDIDATE = re.compile(r"candidate:[A-Za-z0-9+/]{1,32} \d{1,5} \S+ \d{1,10} \S+ \d{1,5} typ .+")


class Malformed(Exception):
    """Not a fragment; the message says which line."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate, or with `line` None the end of them."""

    line: str | None
    "Without `a=`."
    mid: str | None
    "Media section it belongs to; None when the fragment names none."


@dataclass(frozen=True, slots=True)
class Fragment:
    """A parsed fragment."""

    ufrag: str | None
    password: str | None
    candidates: tuple[Candidate, ...]


def parse(text: str) -> Fragment:
    """Read a fragment; unknown attributes are passed over, as SDP wants it.

    Raises `Malformed` for what is no SDP line, and for a known attribute with a wrong value.
    """
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines:
        raise Malformed("the fragment is empty")
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if not reader.read(line):
            raise Malformed(f"line {number} cannot be read: {line[:80]!r}")
    return Fragment(reader.ufrag, reader.password, tuple(reader.candidates))


class _Reader:
    """Takes line after line; `read` says whether it understood."""

    def __init__(self) -> None:
        self.ufrag: str | None = None
        self.password: str | None = None
        self.candidates: list[Candidate] = []
        self._mid: str | None = None

    def read(self, line: str) -> bool:
        """Take one line without its end."""
        kind, mark, value = line.partition("=")
        if not mark or not value.isprintable():
            return False
        if kind == "m":
            self._mid = None  # until its a=mid comes
            return _MEDIA.fullmatch(value) is not None
        return self._attribute(value) if kind == "a" else kind in "vostcb"

    def _attribute(self, value: str) -> bool:
        name, _, rest = value.partition(":")
        match name:
            case "ice-ufrag":
                self.ufrag = rest
                return _UFRAG.fullmatch(rest) is not None
            case "ice-pwd":
                self.password = rest
                return _PASSWORD.fullmatch(rest) is not None
            case "mid":
                self._mid = rest
                return _MID.fullmatch(rest) is not None
            case "candidate":
                self.candidates.append(Candidate(value, self._mid))
                return _CANDIDATE.fullmatch(value) is not None
            case "end-of-candidates":
                self.candidates.append(Candidate(None, self._mid))
        return True
