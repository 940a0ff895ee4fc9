"""One connection to RabbitMQ and the thread that owns it.

Promises: the connection is touched by its own thread only; it is opened again after every loss, each time after a
longer, jittered pause up to a cap, until closed; `call` hands work to that thread from anywhere, and what was handed
over is done even if the connection breaks before its turn.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from servicekit.log import failure, get_logger

log = get_logger()

NOT_FOUND = 404
CHANCE = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long to wait before the n-th attempt in a row: doubling from `first_s` to `longest_s`, half of it random."""

    first_s: float = 0.2
    longest_s: float = 10.0

    def before(self, attempt: int, chance: float) -> float:
        """Return the pause in seconds; `chance` is between 0 and 1."""
        full = min(self.longest_s, self.first_s * 2.0 ** min(attempt, 16))
        return full / 2 + full / 2 * chance


class Line:
    """Keeps one connection; `on_open(connection)` and `on_lost()` run on its thread."""

    def __init__(
        self,
        parameters: pika.URLParameters,
        *,
        name: str,
        pauses: Pauses,
        on_open: Callable[[Any], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._parameters = parameters
        self._name = name
        self._pauses = pauses
        self._on_open = on_open
        self._on_lost = on_lost
        self._closing = threading.Event()
        self._guard = threading.Lock()
        self._connection: Any = None
        self._work: deque[Callable[[], None]] = deque()
        self._attempt = 0
        self._thread = threading.Thread(target=self._keep, name=f"line {name}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def call(self, work: Callable[[], None]) -> bool:
        """Have the line's thread do `work`; False when there is no connection that could."""
        with self._guard:
            if self._connection is None:
                return False
            self._work.append(work)
            self._connection.ioloop.add_callback_threadsafe(self._do_work)
            return True

    def break_off(self) -> None:
        """Give this connection up and open another; on the line's thread only."""
        _end(self._connection)

    def settled(self) -> None:
        """Say that the connection proved good: the next pause is the shortest again."""
        self._attempt = 0

    def close(self, patience: float = 5.0) -> None:
        """Close for good; waits for the thread, unless this is it."""
        self._closing.set()
        with self._guard:
            connection = self._connection
            if connection is not None:
                connection.ioloop.add_callback_threadsafe(lambda: _end(connection))
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(patience)

    def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve_one_connection()
            except Exception as error:  # noqa: BLE001 - the top of a loop: whatever broke, the line must come back
                log.error("broker.line_failed", line=self._name, **failure(error))
            if self._closing.is_set():
                return
            pause = self._pauses.before(self._attempt, CHANCE.random())
            self._attempt += 1
            self._closing.wait(pause)

    def _serve_one_connection(self) -> None:
        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._ended,
            on_close_callback=self._ended,
        )
        with self._guard:
            self._connection = connection
        try:
            if self._closing.is_set():
                _end(connection)
            connection.ioloop.start()
        finally:
            with self._guard:
                self._connection = None
            connection.ioloop.close()
            self._on_lost()
            # A loop that stops leaves undone what was handed over meanwhile: somebody waits for it.
            self._do_work()

    def _do_work(self) -> None:
        while self._work:
            self._work.popleft()()

    def _ended(self, connection: Any, reason: BaseException) -> None:  # noqa: ANN401 - pika has no types
        if not self._closing.is_set():
            log.warning("broker.line_lost", line=self._name, reason=type(reason).__name__, attempt=self._attempt)
        connection.ioloop.stop()


def ensure_exchange(connection: Any, name: str, *, on_ready: Callable[[], None]) -> None:  # noqa: ANN401 - pika has no types
    """Call `on_ready` when the durable topic exchange exists, making it where it does not; on the line's thread.

    Looking it up needs no permission, making it does: a broker set up in advance serves a user who may not configure.
    """
    _declare(connection, name, passive=True, on_ready=on_ready)


def _declare(connection: Any, name: str, *, passive: bool, on_ready: Callable[[], None]) -> None:  # noqa: ANN401 - pika has no types
    def opened(channel: Any) -> None:  # noqa: ANN401 - pika has no types
        channel.add_on_close_callback(closed)
        channel.exchange_declare(name, "topic", passive=passive, durable=True, callback=lambda _frame: done(channel))

    def done(channel: Any) -> None:  # noqa: ANN401 - pika has no types
        channel.close()
        on_ready()

    def closed(_channel: Any, reason: BaseException) -> None:  # noqa: ANN401 - pika has no types
        if not isinstance(reason, ChannelClosedByBroker):
            return
        if passive and reason.reply_code == NOT_FOUND:
            _declare(connection, name, passive=False, on_ready=on_ready)
            return
        log.error("broker.exchange_refused", exchange=name, code=reason.reply_code)
        _end(connection)

    connection.channel(on_open_callback=opened)


def _end(connection: Any) -> None:  # noqa: ANN401 - pika has no types
    try:
        connection.close()
    except AMQPError:
        # It is closing or closed already; its own callback tells the rest.
        return
