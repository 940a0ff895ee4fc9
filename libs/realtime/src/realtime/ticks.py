"""Durations: a count of seconds that only ever grows, whatever is done to the machine's clock."""

from collections.abc import Callable
from time import monotonic

Ticks = Callable[[], float]
"""Returns seconds since some moment; passed in, so that a test may turn it by hand."""

real_ticks: Ticks = monotonic
