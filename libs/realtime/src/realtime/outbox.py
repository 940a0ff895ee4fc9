"""What waits to be written to one socket, and who writes it.

At the end of each turn of the loop whatever gathered is written, without waiting, by one greenlet for all sockets: a
push to five hundred people costs five hundred writes and not five hundred greenlets. Only a socket whose client does
not keep up gets a writer of its own, for as long as that lasts.

Promises: frames go out whole and in order; never do two write to one socket. The queue is bounded in frames and bytes,
and a full one is the caller's to judge: `put` says no, `put_when_room` waits. After `last` nothing more is taken.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import gevent
from gevent.event import Event

from realtime.pushes import EntryPush
from servicekit.log import failure, get_logger

FRAMES_AT_MOST: Final = 1_000
BYTES_AT_MOST: Final = 2_000_000
CHUNK: Final = 64_000
"""Bytes that are handed to the socket in one go, unless one frame alone is larger."""

log = get_logger()


class Line(Protocol):
    """The wire to one client."""

    def write_now(self, data: bytes) -> int:
        """Write what the wire takes at once and return how many bytes that were; OSError likewise."""

    def write(self, data: bytes) -> None:
        """Write all of `data`; OSError when the other side is gone or does not read for too long."""

    def hang_up(self) -> None:
        """End the line at once, whatever is on its way."""


class Turns:
    """The outboxes that have something to write at the end of this turn of the loop."""

    def __init__(self) -> None:
        self._waiting: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        """Have `outbox` written soon."""
        if not self._waiting:
            gevent.spawn(self._write_all)
        self._waiting.append(outbox)

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            outbox.write_now()


class Outbox:
    """The queue of one socket."""

    def __init__(
        self, line: Line, turns: Turns, on_written: Callable[[EntryPush], None], on_broken: Callable[[], None]
    ) -> None:
        self._line = line
        self._turns = turns
        self._on_written = on_written
        self._on_broken = on_broken
        self._waiting: deque[tuple[bytes, EntryPush | None]] = deque()
        self._bytes = 0
        self._writing = False
        """Whether somebody writes, or is about to."""
        self._ended = False
        self._room: Event | None = None
        self._done: Event | None = None

    def put(self, frame: bytes, entry: EntryPush | None = None) -> bool:
        """Queue a frame; False when the queue is full. After the end a frame is dropped, which is no failure."""
        if self._ended:
            return True
        if self._full():
            return False
        self._waiting.append((frame, entry))
        self._bytes += len(frame)
        self._wake()
        return True

    def put_when_room(self, frame: bytes, entry: EntryPush | None = None) -> None:
        """Queue a frame, waiting for room; returns without it once the socket has ended."""
        while self._full() and not self._ended:
            self._room = self._room or Event()
            self._room.wait()
        self.put(frame, entry)

    def last(self, frame: bytes, *, drop: bool = False) -> None:
        """Queue the last frame, room or not; `drop` forgets what waits, for a client that does not read."""
        if self._ended:
            return
        if drop:
            self._forget()
        self._waiting.append((frame, None))
        self.end()
        self._wake()

    def end(self) -> None:
        """Take nothing more, and let go whoever waits for room."""
        self._ended = True
        if self._room is not None:
            self._room.set()

    def finish(self, patience: float) -> None:
        """Wait until all that was queued is written, at most `patience` seconds."""
        self._ended = True
        if self._writing:
            self._done = Event()
            self._done.wait(patience)

    def _full(self) -> bool:
        return len(self._waiting) >= FRAMES_AT_MOST or self._bytes >= BYTES_AT_MOST

    def _wake(self) -> None:
        if not self._writing:
            self._writing = True
            self._turns.add(self)

    def write_now(self) -> None:
        """Write what can be written without waiting; the rest gets a greenlet of its own."""
        try:
            while self._waiting:
                chunk, entries = self._next_chunk()
                taken = self._line.write_now(chunk)
                if taken < len(chunk):
                    gevent.spawn(self._write_on, chunk[taken:], entries)
                    return
                self._note(entries)
        except Exception as error:  # noqa: BLE001 - one socket's end must not be another one's
            self._break_off(error)
        self._rest()

    def _write_on(self, chunk: bytes, entries: list[EntryPush]) -> None:
        try:
            self._line.write(chunk)
            self._note(entries)
            while self._waiting:
                chunk, entries = self._next_chunk()
                self._line.write(chunk)
                self._note(entries)
        except Exception as error:  # noqa: BLE001 - the top of the writer: whatever broke, the socket must end with it
            self._break_off(error)
        self._rest()

    def _note(self, entries: list[EntryPush]) -> None:
        for entry in entries:
            self._on_written(entry)

    def _rest(self) -> None:
        self._writing = False
        if self._done is not None:
            self._done.set()

    def _next_chunk(self) -> tuple[bytes, list[EntryPush]]:
        frames: list[bytes] = []
        entries: list[EntryPush] = []
        size = 0
        while self._waiting and (not frames or size + len(self._waiting[0][0]) <= CHUNK):
            frame, entry = self._waiting.popleft()
            frames.append(frame)
            size += len(frame)
            if entry is not None:
                entries.append(entry)
        self._bytes -= size
        if self._room is not None and not self._full():
            self._room.set()
            self._room = None
        return b"".join(frames), entries

    def _forget(self) -> None:
        self._waiting.clear()
        self._bytes = 0

    def _break_off(self, error: Exception) -> None:
        if not isinstance(error, OSError):
            log.error("outbox.failed", **failure(error))
        self._forget()
        self.end()
        self._on_broken()
