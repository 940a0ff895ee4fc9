"""Time and chance, passed in: real in a gateway, turned by hand in a test."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from servicekit.clock import Clock

Ticks = Callable[[], float]
"""Returns seconds since some moment: durations that no change of the machine's clock can bend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a socket asks of time."""

    clock: Clock
    ticks: Ticks = monotonic
    spread: Callable[[], float] = random.random
    """Returns a number from 0 to 1, to keep many sockets from doing the same thing at once."""
