"""Timeline: output timestamps that go on when cameras come and go."""

import time
from fractions import Fraction

SLIP = 2.0
"Seconds by which a camera's clock may leave ours before it is held; at twice that it is put anew."
HOLD = 1 / 300
"Seconds by which a frame is moved to hold a clock that gains or loses: a tenth of its interval."


class Timeline:
    """Shifts a camera's timestamps onto the stage's own time.

    Their spacing is kept exactly, unless the camera's clock is so far off that it must be held.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._epoch = time.monotonic()
        self._camera: object = None
        self._shift = 0
        self._last = -1

    def at(self, moment: float) -> int:
        """Ticks of a moment, `time.monotonic()` seconds, for what has no timestamp; always grows."""
        self._camera = None
        return self._grown(int((moment - self._epoch) * self._rate))

    def of(self, camera: object, pts: int, time_base: Fraction, arrived: float) -> int:
        """Ticks of a camera's timestamp; its first one is put where it arrived."""
        ticks = int(pts * time_base * self._rate)
        due = int((arrived - self._epoch) * self._rate)
        ahead = ticks + self._shift - due
        if camera is not self._camera or abs(ahead) > 2 * SLIP * self._rate:
            self._camera = camera
            self._shift = due - ticks
        else:
            self._shift -= self._held(ahead)
        return self._grown(ticks + self._shift)

    def _held(self, ahead: int) -> int:
        most, allowed = int(HOLD * self._rate), int(SLIP * self._rate)
        excess = ahead - max(-allowed, min(ahead, allowed))
        return max(-most, min(excess, most))

    def _grown(self, ticks: int) -> int:
        self._last = max(ticks, self._last + 1)
        return self._last
