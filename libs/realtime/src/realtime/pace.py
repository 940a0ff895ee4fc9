"""How fast one client may talk: a socket that says more is read more slowly, which is felt by its own client alone.

A bucket of bytes that refills by the second; every frame costs a little beside its bytes, because the smallest of them
is the most work for its size. Nobody is refused or closed for talking fast: what was not read waits in the client's
own network, and everything else at this gateway goes on in time.
"""

from typing import Final

from realtime.timing import Ticks

BYTES_A_SECOND: Final = 256 * 1024
AT_ONCE: Final = 256 * 1024
"""Bytes that may come in one go: a client that was away has much to say."""
FRAME_COSTS: Final = 512


class Pace:
    """What one socket may still say right now."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._left = float(AT_ONCE)
        self._at = ticks()

    def spend(self, size: int, frames: int) -> float:
        """Take what was read; return the seconds until the next may be read, 0 as long as there is room."""
        now = self._ticks()
        refilled = self._left + (now - self._at) * BYTES_A_SECOND
        self._left = min(AT_ONCE, refilled) - size - frames * FRAME_COSTS
        self._at = now
        return max(0.0, -self._left / BYTES_A_SECOND)
