"""Rate: how often each client may do something."""

import time
from collections.abc import Callable

_MOST_CLIENTS = 4096


class Rate:
    """A token bucket per client: so many at once, so many in the long run."""

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._clients: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> float:
        """Count one request; returns 0, or the seconds until the next is welcome."""
        now = self._clock()
        left, since = self._clients.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._per_s)
        allowed = left >= 1
        self._clients[client] = (left - 1 if allowed else left, now)
        if len(self._clients) > _MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]  # whoever was quiet longest
        return 0.0 if allowed else (1 - left) / self._per_s
