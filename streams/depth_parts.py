"""Depth parts: puts frames together again, in bounded memory and time, whatever comes."""

from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from omote.streams.depth_message import HEADER, BadMessage, Header, folded

MOST_OPEN = 4
"Frames of which parts are awaited; one more, and the oldest is given up."
MOST_WAIT_S = 1.0
"Seconds a frame may take from its first part to its last."
REMEMBERED = 64
"Frames that are over, whose late parts mean nothing any more."


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A payload with all its parts."""

    header: Header
    payload: bytes
    arrived: float
    "`time.monotonic()` when the first part came, seconds."


class Parts:
    """Takes messages in any order, gives whole payloads. Belongs to one thread."""

    def __init__(self) -> None:
        self.given_up = 0
        "Frames that were begun and never whole."
        self.mended = 0
        "Frames that were whole thanks to parity."
        self._open: OrderedDict[int, _Puzzle] = OrderedDict()
        self._over: deque[int] = deque(maxlen=REMEMBERED)

    def add(self, message: bytes, now: float) -> Whole | None:
        """A payload if this was what it lacked; raises `BadMessage`. `now` in seconds."""
        header, part = Header.parse(message)
        self._give_up_before(now - MOST_WAIT_S)
        if header.index in self._over:
            return None
        puzzle = self._open.get(header.index)
        if puzzle is None:
            puzzle = self._begin(header, now)
        if puzzle.header != header:
            raise BadMessage("contradiction", f"parts of frame {header.index} differ")
        if not puzzle.add(part, message[HEADER:]):
            return None
        self._end(header.index)
        self.mended += puzzle.mended
        return Whole(header, puzzle.payload(), puzzle.since)

    def _begin(self, header: Header, now: float) -> "_Puzzle":
        if len(self._open) == MOST_OPEN:
            self._end(next(iter(self._open)))
            self.given_up += 1
        puzzle = self._open[header.index] = _Puzzle(header, now)
        return puzzle

    def _give_up_before(self, moment: float) -> None:
        while self._open:
            index, oldest = next(iter(self._open.items()))
            if oldest.since >= moment:
                return
            self._end(index)
            self.given_up += 1

    def _end(self, index: int) -> None:
        del self._open[index]
        self._over.append(index)


class _Puzzle:
    """A frame whose parts are coming."""

    def __init__(self, header: Header, now: float) -> None:
        self.header = header
        self.since = now
        self.mended = False
        rows = header.parts + header.parity
        self._table = np.zeros((rows, header.share), np.uint8)
        self._have = np.zeros(rows, np.bool_)
        groups = max(1, header.parity)
        self._lacking = [-(-(header.parts - group) // groups) for group in range(groups)]

    def add(self, part: int, data: bytes) -> bool:
        """Whether it is whole now; with parity, any part of a group may be missing."""
        if not self._have[part]:
            self._have[part] = True
            self._table[part, : len(data)] = np.frombuffer(data, np.uint8)
            inner = part if part < self.header.parts else part - self.header.parts
            self._lacking[inner % len(self._lacking)] -= 1
        return max(self._lacking) <= 0

    def payload(self) -> bytes:
        """Once whole."""
        parts, groups = self.header.parts, self.header.parity
        for part in np.flatnonzero(~self._have[:parts]):
            self.mended = True
            group = self._table[part % groups : parts : groups]
            group[part // groups] = folded(group) ^ self._table[parts + part % groups]
        return self._table.reshape(-1)[: self.header.size].tobytes()
