"""What stands between the owner of a broker connection and a subscriber: a bounded queue with a thread of its own.

Whoever fills it never waits; whoever hears may be slow without harm to heartbeats. A full queue is dropped whole and
the subscriber is told that it lost something, because a hole it knows of can be filled and a silent one cannot.
"""

import threading
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from servicekit.exchange import Message
from servicekit.log import failure, get_logger

log = get_logger()


class _Notice(Enum):
    CONNECTED = auto()
    LOST = auto()


class Inbox:
    """Calls back in order: connected, messages, lost, connected, … on one thread until closed."""

    def __init__(
        self,
        *,
        name: str,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None],
        on_lost: Callable[[], None],
        limit: int,
    ) -> None:
        self._on_message = on_message
        self._on_notice = {_Notice.CONNECTED: on_connected, _Notice.LOST: on_lost}
        self._limit = limit
        self._waiting: deque[Message | _Notice] = deque()
        self._messages = 0
        self._connected = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._deliver, name=f"hear {name}", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Tell whether the last notice was that the line stands."""
        return self._connected

    def connect(self) -> None:
        """Say that from here on every message comes."""
        with self._changed:
            self._connected = True
            self._append(_Notice.CONNECTED)

    def put(self, message: Message) -> bool:
        """Queue a message; False when this subscriber lost the thread and must be connected afresh."""
        with self._changed:
            if not self._connected:
                return False
            if self._messages >= self._limit:
                self._drop()
                return False
            self._messages += 1
            self._append(message)
            return True

    def lose(self) -> None:
        """Say that messages went missing: what is queued is dropped, and the subscriber told once."""
        with self._changed:
            if self._connected:
                self._drop()

    def close(self, patience: float = 5.0) -> None:
        """Stop calling back; wait for a callback that runs, unless this is it."""
        with self._changed:
            self._closed = True
            self._connected = False
            self._waiting.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(patience)

    def _drop(self) -> None:
        log.warning("exchange.lost", thread=self._thread.name, queued=self._messages)
        # A CONNECTED that nobody heard yet falls away with its messages: LOST alone says all there is to say.
        self._waiting.clear()
        self._messages = 0
        self._connected = False
        self._append(_Notice.LOST)

    def _append(self, item: Message | _Notice) -> None:
        self._waiting.append(item)
        self._changed.notify()

    def _next(self) -> Message | _Notice | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            item = self._waiting.popleft()
            if isinstance(item, Message):
                self._messages -= 1
            return item

    def _deliver(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._call(item)
            except Exception as error:  # noqa: BLE001 - the top of a loop: one odd message must not silence later ones
                log.error("exchange.callback_failed", thread=self._thread.name, **failure(error))

    def _call(self, item: Message | _Notice) -> None:
        if isinstance(item, Message):
            self._on_message(item)
        else:
            self._on_notice[item]()
