"""When a client whose line ended comes back: pure, given how it ended and how often it failed.

Pauses double from half a second to half a minute, each spread over its upper half, so that a thousand clients which
lost the same gateway do not return as one. What the server asks for (`bye`, Retry-After) goes before.
"""

from collections.abc import Callable
from typing import Final

from wire.frames import CloseCode

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0
TOO_MANY_S: Final = 15.0
"""Of eleven tabs the newest was turned away: it does not help to hurry."""
STAY_AWAY: Final = range(4500, 5000)


class ComingBack:
    """The pauses of one client."""

    def __init__(self, random: Callable[[], float]) -> None:
        """`random` returns 0 to 1."""
        self._random = random
        self._failures = 0

    def welcomed(self) -> None:
        """Begin anew: a line was up."""
        self._failures = 0

    def pause_s(self, code: int | None = None, asked_s: float = 0.0) -> float | None:
        """Return the seconds to wait after a line ended with `code`; None to stay away.

        `asked_s` is what the server asked for: never come earlier, and up to a quarter later.
        """
        if code is not None and code in STAY_AWAY:
            return None
        self._failures += 1
        if asked_s > 0:
            return asked_s * (1 + self._random() / 4)
        longest = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures - 1, 16))
        return (TOO_MANY_S if code == CloseCode.TOO_MANY_SOCKETS else 0.0) + longest * (1 + self._random()) / 2
