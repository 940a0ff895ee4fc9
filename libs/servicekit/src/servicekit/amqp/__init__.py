"""The exchange over RabbitMQ; the one place that knows pika.

Every publisher and every subscription owns one connection and the one thread (greenlet where gevent has patched) that
works it: heartbeats are answered whatever the rest of the process does, and a lost line is opened again after a
capped, jittered pause. Others hand that thread work and never touch pika's objects. pika's exceptions end here.
"""

import logging
from collections.abc import Callable, Sequence

import pika

from servicekit.amqp.line import Pauses
from servicekit.amqp.publisher import RabbitPublisher
from servicekit.amqp.subscription import RabbitSubscription
from servicekit.exchange import LIMIT, Binding, Message

# Its errors are translated and logged here, by name and without addresses.
logging.getLogger("pika").setLevel(logging.CRITICAL)

HEARTBEAT_S = 10
CONFIRM_TIMEOUT_S = 5.0


class RabbitExchange:
    """Topic exchanges of one RabbitMQ; implements `servicekit.exchange.Exchange`.

    Queues are named `<name>.<random>`, so that the broker's permissions can be as narrow as
    `^portal-gateway[.]`; `name` is the user of `url` unless given. A subscriber also needs to write to the default
    exchange (`amq[.]default`: the alarm of a full queue). An exchange that exists is looked up without permission.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        heartbeat_s: int = HEARTBEAT_S,
        confirm_timeout_s: float = CONFIRM_TIMEOUT_S,
        pauses: Pauses | None = None,
    ) -> None:
        parameters = pika.URLParameters(url)
        parameters.heartbeat = heartbeat_s
        parameters.connection_attempts = 1
        parameters.socket_timeout = 5
        parameters.stack_timeout = 10
        parameters.blocked_connection_timeout = 30
        self._name = name or parameters.credentials.username
        parameters.client_properties = {"connection_name": self._name}
        self._parameters = parameters
        self._confirm_timeout_s = confirm_timeout_s
        self._pauses = pauses or Pauses()

    def publisher(self) -> RabbitPublisher:
        return RabbitPublisher(
            self._parameters,
            name=self._name,
            confirm_timeout_s=self._confirm_timeout_s,
            pauses=self._pauses,
        )

    def subscribe(
        self,
        bindings: Sequence[Binding],
        *,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
        limit: int = LIMIT,
    ) -> RabbitSubscription:
        return RabbitSubscription(
            self._parameters,
            bindings,
            name=self._name,
            on_message=on_message,
            on_connected=on_connected,
            on_lost=on_lost,
            limit=limit,
            pauses=self._pauses,
        )
