"""Sequence: RTP sequence numbers that go on for ever."""


class Sequence:
    """16-bit sequence numbers without wrap-around, also when a sender starts anew somewhere else.

    A packet from long ago is a straggler; two in a row are a new start (RFC 3550, appendix A.1).
    """

    def __init__(self, most_late: int) -> None:
        self.highest: int | None = None
        self._most_late = most_late
        self._anew: int | None = None

    def __call__(self, number: int) -> int | None:
        """The extended number, far ahead after a new start; None for a straggler."""
        if self.highest is None:
            self.highest = number
            return number
        delta = ((number - self.highest + 0x8000) & 0xFFFF) - 0x8000
        if delta <= -self._most_late:
            known, self._anew = self._anew, (number + 1) & 0xFFFF
            if number != known:
                return None
            delta += 0x10000
        extended = self.highest + delta
        self.highest = max(self.highest, extended)
        return extended
