"""The loops that run beside the doors of a service: each on a thread of its own (a greenlet where gevent has patched).

A loop that raises is logged and started again after a pause; a loop that returns is done. Nothing starts before
`start`, so composing a service opens no connection and survives a fork.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from servicekit.log import failure, get_logger

log = get_logger()

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


class Stop:
    """The wish that a loop may end: it looks at `wanted` or sleeps with `wait`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def wanted(self) -> bool:
        """Tell whether it is time to end."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep, at most `seconds`; True as soon as it is time to end."""
        return self._event.wait(seconds)

    def set(self) -> None:
        """Ask the loop to end."""
        self._event.set()


Loop = Callable[[Stop], None]


@dataclass(slots=True, kw_only=True)
class _Entry:
    name: str
    run: Loop
    wake: Callable[[], None]
    to_the_end: bool
    stop: Stop = field(default_factory=Stop)
    thread: threading.Thread | None = field(default=None)


class Background:
    """The named loops of one service."""

    def __init__(self, *, first_pause: float = FIRST_PAUSE) -> None:
        self._entries: list[_Entry] = []
        self._first_pause = first_pause
        self._started = False

    @property
    def names(self) -> tuple[str, ...]:
        """The loops, in the order they were added."""
        return tuple(entry.name for entry in self._entries)

    def add(self, name: str, run: Loop, *, wake: Callable[[], None] = lambda: None, to_the_end: bool = False) -> None:
        """Add a loop; `wake` is called at the end, for one that sleeps elsewhere than in `Stop.wait`.

        One that runs `to_the_end` is what answering calls stands on: it outlasts a `drain`.
        """
        entry = _Entry(name=name, run=run, wake=wake, to_the_end=to_the_end)
        self._entries.append(entry)
        if self._started:
            self._launch(entry)

    def start(self) -> None:
        """Start every loop; a second call changes nothing."""
        if self._started:
            return
        self._started = True
        for entry in self._entries:
            self._launch(entry)

    def drain(self, timeout: float = 10.0) -> tuple[str, ...]:
        """Do what `stop` does, but let those run on that run to the end: of the process, which nobody waits for."""
        return self._end([entry for entry in self._entries if not entry.to_the_end], timeout)

    def stop(self, timeout: float = 10.0) -> tuple[str, ...]:
        """Ask every loop to end and wait, `timeout` seconds in all; return the names of those still running."""
        return self._end(self._entries, timeout)

    def _end(self, entries: list[_Entry], timeout: float) -> tuple[str, ...]:
        for entry in entries:
            entry.stop.set()
            entry.wake()
        end = time.monotonic() + timeout
        for entry in entries:
            if entry.thread is not None:
                entry.thread.join(max(0.0, end - time.monotonic()))
        running = tuple(entry.name for entry in entries if entry.thread is not None and entry.thread.is_alive())
        if running:
            log.warning("background.still_running", loops=running)
        return running

    def _launch(self, entry: _Entry) -> None:
        entry.thread = threading.Thread(target=self._keep, args=(entry,), name=entry.name, daemon=True)
        entry.thread.start()

    def _keep(self, entry: _Entry) -> None:
        pause = self._first_pause
        while not entry.stop.wanted:
            began = time.monotonic()
            try:
                entry.run(entry.stop)
            except Exception as error:  # noqa: BLE001 - the top of a loop: whatever broke, the loop must come back
                log.error("background.failed", loop=entry.name, **failure(error))
            else:
                return
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = self._first_pause
            entry.stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
