"""Everybody's share of something a minute (messages, calls): an exact moving window in constant time.

Only the moments of the last `per_minute` takings of a user are kept: when the oldest of them is younger than a minute,
the share is used up. (`limits`' moving window starts a timer thread for each hit: half of a busy gateway's time.)
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

WINDOW: Final = 60.0
SWEEP_ABOVE: Final = 10_000
"""Users remembered before those who have been silent for a minute are forgotten."""


class Shares:
    """Counts what each user takes."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._moments: dict[str, deque[float]] = {}

    def take(self, user_id: str) -> float | None:
        """Take one from the user's share; return None, or the seconds to wait when it is used up."""
        now = self._clock()
        moments = self._moments.get(user_id)
        if moments is None:
            self._forget_the_silent(now)
            moments = self._moments[user_id] = deque(maxlen=self.per_minute)
        if len(moments) == self.per_minute and now - moments[0] < WINDOW:
            return WINDOW - (now - moments[0])
        moments.append(now)
        return None

    def _forget_the_silent(self, now: float) -> None:
        if len(self._moments) < SWEEP_ABOVE:
            return
        for user_id in [each for each, moments in self._moments.items() if now - moments[-1] >= WINDOW]:
            del self._moments[user_id]
