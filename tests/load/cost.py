"""What work costs: CPU seconds per process, from /proc/<pid>/stat before and after.

A process' time counts with that of its children: of those that live, their own; of those that ended, what their parent
was told. So the short-lived backends of PostgreSQL are not lost.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
UTIME, CSTIME = 11, 15


def spent(pids: Iterable[int]) -> float:
    """Return the CPU seconds these processes have used so far."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[UTIME : CSTIME + 1])
    return ticks / TICKS


class Meter:
    """Reads the CPU seconds of each part between two moments."""

    def __init__(self, parts: Mapping[str, Callable[[], list[int]]]) -> None:
        self._parts = parts
        self._before: dict[str, float] = {}

    def starts(self) -> None:
        """Remember what was spent until now."""
        self._before = self._now()

    def reads(self) -> dict[str, float]:
        """Return what each part has spent since `starts`."""
        return {name: seconds - self._before[name] for name, seconds in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: spent(pids()) for name, pids in self._parts.items()}
