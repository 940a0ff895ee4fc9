"""The exchange inside one process, for the embedded run: the semantics of `servicekit.amqp` without a broker.

It reaches nobody outside this process, so a forked child that uses it gets an error and not a silent loss.
"""

import os
import re
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache

from servicekit.exchange import LIMIT, Binding, ExchangeUnavailable, Message
from servicekit.inbox import Inbox


class InProcessExchange:
    """Where the publishers and subscribers of one process meet; implements `servicekit.exchange.Exchange`."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._listeners: tuple[_Listener, ...] = ()
        self._count = 0

    def publisher(self) -> "InProcessPublisher":
        self._require_same_process()
        return InProcessPublisher(self)

    def subscribe(
        self,
        bindings: Sequence[Binding],
        *,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
        limit: int = LIMIT,
    ) -> "_Listener":
        self._require_same_process()
        with self._lock:
            self._count += 1
            name = f"subscription {self._count}"
            inbox = Inbox(name=name, on_message=on_message, on_connected=on_connected, on_lost=on_lost, limit=limit)
            listener = _Listener(self, bindings, inbox)
            inbox.connect()
            self._listeners = (*self._listeners, listener)
        return listener

    def hand_out(self, messages: Sequence[Message]) -> None:
        """Queue the messages for everyone they concern, in one order for all."""
        self._require_same_process()
        with self._lock:
            for message in messages:
                for listener in self._listeners:
                    listener.offer(message)

    def forget(self, listener: "_Listener") -> None:
        """Offer nothing to this listener any more."""
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

    def _require_same_process(self) -> None:
        if os.getpid() != self._process:
            raise ExchangeUnavailable("The in-process exchange serves one process only; several need RabbitMQ.")


class InProcessPublisher:
    """Publishes to the subscribers of this process; implements `servicekit.exchange.Publisher`."""

    def __init__(self, exchange: InProcessExchange) -> None:
        self._exchange = exchange
        self._closed = False

    @property
    def connected(self) -> bool:
        return not self._closed

    def publish(self, messages: Sequence[Message]) -> None:
        if self._closed:
            raise ExchangeUnavailable("This publisher is closed.")
        self._exchange.hand_out(messages)

    def close(self) -> None:
        self._closed = True


class _Listener:
    """One subscriber and what it wants to hear; implements `servicekit.exchange.Subscription`."""

    def __init__(self, exchange: InProcessExchange, bindings: Sequence[Binding], inbox: Inbox) -> None:
        self._exchange = exchange
        self._bindings = tuple(bindings)
        self._inbox = inbox

    @property
    def connected(self) -> bool:
        return self._inbox.connected

    def offer(self, message: Message) -> None:
        if not any(wants(binding, message) for binding in self._bindings):
            return
        if not self._inbox.put(message):
            self._inbox.connect()

    def close(self) -> None:
        self._exchange.forget(self)
        self._inbox.close()


def wants(binding: Binding, message: Message) -> bool:
    """Tell whether the binding asks for this message (AMQP 0-9-1, section 3.1.3.3)."""
    if binding.exchange != message.exchange:
        return False
    return _expression(binding.pattern).fullmatch(f".{message.routing_key}") is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    # Every word is matched with a dot before it, so that `#` may stand for no word at all, dots included.
    stands_for = {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}
    return re.compile("".join(stands_for.get(word, r"\." + re.escape(word)) for word in pattern.split(".")))
