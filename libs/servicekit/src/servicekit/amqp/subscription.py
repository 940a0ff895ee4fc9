"""Hearing: an exclusive, bounded queue of our own, consumed as fast as it comes into an inbox of our own.

An overflow is never silent. The broker's queue drops its oldest when it is full (refusing the publisher instead would
let one slow gateway stop all messages), and hands what it drops to a second queue of length one, the alarm; a word
from the alarm, a full inbox or a broken line all mean the same: `on_lost`, a fresh queue, `on_connected`.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pika

from servicekit.amqp.line import Line, Pauses, ensure_exchange
from servicekit.exchange import Binding, Message
from servicekit.inbox import Inbox
from servicekit.log import get_logger

log = get_logger()

DEFAULT_EXCHANGE = ""


class RabbitSubscription:
    """Hears over one connection; implements `servicekit.exchange.Subscription`."""

    def __init__(
        self,
        parameters: pika.URLParameters,
        bindings: Sequence[Binding],
        *,
        name: str,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None],
        on_lost: Callable[[], None],
        limit: int,
        pauses: Pauses,
    ) -> None:
        self._bindings = tuple(bindings)
        self._name = name
        self._limit = limit
        self._inbox = Inbox(name=name, on_message=on_message, on_connected=on_connected, on_lost=on_lost, limit=limit)
        self._line = Line(
            parameters, name=f"{name} subscription", pauses=pauses, on_open=self._opened, on_lost=self._lost
        )
        self._line.start()

    @property
    def connected(self) -> bool:
        return self._inbox.connected

    def close(self) -> None:
        self._inbox.close()
        self._line.close()

    # All below runs on the line's thread.

    def _opened(self, connection: Any) -> None:  # noqa: ANN401 - pika has no types
        self._ensure(connection, list(dict.fromkeys(binding.exchange for binding in self._bindings)))

    def _ensure(self, connection: Any, exchanges: list[str]) -> None:  # noqa: ANN401 - pika has no types
        if not exchanges:
            connection.channel(on_open_callback=self._channel_opened)
            return
        ensure_exchange(connection, exchanges[0], on_ready=lambda: self._ensure(connection, exchanges[1:]))

    def _channel_opened(self, channel: Any) -> None:  # noqa: ANN401 - pika has no types
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(lambda _frame: self._line.break_off())
        queue = f"{self._name}.{secrets.token_hex(8)}"
        alarm = f"{queue}.alarm"
        # The broker works a channel in order, so only the last of these needs an answer.
        channel.queue_declare(alarm, exclusive=True, auto_delete=True, arguments={"x-max-length": 1})
        channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments=_bounded(self._limit, alarm))
        for binding in self._bindings:
            channel.queue_bind(queue, binding.exchange, binding.pattern)
        channel.basic_consume(alarm, self._alarmed, auto_ack=True, exclusive=True)
        channel.basic_consume(
            queue, self._heard, auto_ack=True, exclusive=True, callback=lambda _frame: self._consuming()
        )

    def _consuming(self) -> None:
        self._line.settled()
        self._inbox.connect()

    def _channel_closed(self, channel: Any, reason: BaseException) -> None:  # noqa: ANN401 - pika has no types
        if channel.connection.is_open:
            log.error("broker.subscription_refused", queue=self._name, reason=type(reason).__name__)
            self._line.break_off()

    def _lost(self) -> None:
        self._inbox.lose()

    def _alarmed(self, _channel: Any, _method: Any, _properties: Any, _body: bytes) -> None:  # noqa: ANN401 - pika has no types
        log.warning("broker.queue_overflowed", queue=self._name, limit=self._limit)
        self._inbox.lose()
        self._line.break_off()

    def _heard(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:  # noqa: ANN401 - pika has no types
        message = Message(
            exchange=method.exchange,
            routing_key=method.routing_key,
            body=body,
            type=properties.type or "",
            message_id=properties.message_id or "",
        )
        if not self._inbox.put(message):
            self._line.break_off()


def _bounded(limit: int, alarm: str) -> dict[str, Any]:
    return {
        "x-max-length": limit,
        "x-overflow": "drop-head",
        "x-dead-letter-exchange": DEFAULT_EXCHANGE,
        "x-dead-letter-routing-key": alarm,
    }
