"""Publishing with confirms: a parcel of messages goes out at once and is done when the broker answered for each."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import pika

from servicekit.amqp.line import Line, Pauses, ensure_exchange
from servicekit.exchange import ExchangeUnavailable, Message
from servicekit.log import get_logger
from wire.events import SCHEMA_VERSION

log = get_logger()

NON_PERSISTENT = 1


class RabbitPublisher:
    """Publishes over one connection; implements `servicekit.exchange.Publisher`.

    While the broker is away `publish` fails at once; only the very first connection is waited for. Publishing again
    what failed may double messages, never lose them.
    """

    def __init__(self, parameters: pika.URLParameters, *, name: str, confirm_timeout_s: float, pauses: Pauses) -> None:
        self._timeout_s = confirm_timeout_s
        self._first_attempt_over = threading.Event()
        self._channel: Any = None
        self._ready: set[str] = set()
        self._asked_for: set[str] = set()
        self._held: deque[_Parcel] = deque()
        self._unconfirmed: dict[int, _Parcel] = {}
        self._next_tag = 1
        self._line = Line(parameters, name=f"{name} publisher", pauses=pauses, on_open=self._opened, on_lost=self._lost)
        self._line.start()

    @property
    def connected(self) -> bool:
        return self._channel is not None

    def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        end = time.monotonic() + self._timeout_s
        self._first_attempt_over.wait(self._timeout_s)
        parcel = _Parcel(messages)
        if not self._line.call(lambda: self._send(parcel)):
            raise ExchangeUnavailable("The broker is away.")
        if not parcel.finished.wait(max(0.0, end - time.monotonic())):
            parcel.abandoned = True
            raise ExchangeUnavailable("The broker did not confirm in time.")
        if parcel.failed:
            raise ExchangeUnavailable(parcel.failed)

    def close(self) -> None:
        self._line.close()

    # All below runs on the line's thread.

    def _opened(self, connection: Any) -> None:  # noqa: ANN401 - pika has no types
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Any) -> None:  # noqa: ANN401 - pika has no types
        channel.add_on_close_callback(self._channel_closed)
        channel.confirm_delivery(self._answered, callback=lambda _frame: self._channel_ready(channel))

    def _channel_ready(self, channel: Any) -> None:  # noqa: ANN401 - pika has no types
        self._channel = channel
        self._line.settled()
        self._first_attempt_over.set()
        self._send_held()

    def _channel_closed(self, channel: Any, reason: BaseException) -> None:  # noqa: ANN401 - pika has no types
        if channel.connection.is_open:
            log.warning("broker.channel_lost", reason=type(reason).__name__)
            self._line.break_off()

    def _lost(self) -> None:
        self._channel = None
        self._next_tag = 1
        self._ready.clear()
        self._asked_for.clear()
        parcels = [*self._unconfirmed.values(), *self._held]
        self._unconfirmed.clear()
        self._held.clear()
        for parcel in parcels:
            parcel.fail("The line to the broker broke.")
        self._first_attempt_over.set()

    def _send(self, parcel: "_Parcel") -> None:
        if parcel.abandoned:
            return
        if self._channel is None:
            parcel.fail("The broker is away.")
            return
        self._held.append(parcel)
        self._send_held()

    def _send_held(self) -> None:
        """Send parcels in the order they came; the first whose exchange is not yet known holds up the rest."""
        while self._held and self._channel is not None:
            unknown = {message.exchange for message in self._held[0].messages} - self._ready
            if unknown:
                self._ask_for(unknown)
                return
            self._send_now(self._held.popleft())

    def _ask_for(self, exchanges: set[str]) -> None:
        for exchange in exchanges - self._asked_for:
            self._asked_for.add(exchange)
            ensure_exchange(self._channel.connection, exchange, on_ready=partial(self._found, exchange))

    def _found(self, exchange: str) -> None:
        self._ready.add(exchange)
        self._send_held()

    def _send_now(self, parcel: "_Parcel") -> None:
        if parcel.abandoned:
            return
        for message in parcel.messages:
            self._unconfirmed[self._next_tag] = parcel
            self._next_tag += 1
            self._channel.basic_publish(
                message.exchange, message.routing_key, message.body, properties=_properties(message)
            )

    def _answered(self, frame: Any) -> None:  # noqa: ANN401 - pika has no types
        answer = frame.method
        last = answer.delivery_tag
        tags = [tag for tag in self._unconfirmed if tag <= last] if answer.multiple else [last]
        for tag in tags:
            parcel = self._unconfirmed.pop(tag, None)
            if parcel is not None:
                parcel.answer(confirmed=isinstance(answer, pika.spec.Basic.Ack))


class _Parcel:
    """Messages published together and the wait for their confirms."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = tuple(messages)
        self.finished = threading.Event()
        self.failed: str | None = None
        self.abandoned = False
        self._open = len(self.messages)

    def answer(self, *, confirmed: bool) -> None:
        self._open -= 1
        if not confirmed:
            self.failed = "The broker refused a message."
        if self._open == 0:
            self.finished.set()

    def fail(self, sentence: str) -> None:
        self.failed = sentence
        self.finished.set()


def _properties(message: Message) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type="application/json",
        delivery_mode=NON_PERSISTENT,
        type=message.type,
        message_id=message.message_id,
        headers={"v": SCHEMA_VERSION},
    )
