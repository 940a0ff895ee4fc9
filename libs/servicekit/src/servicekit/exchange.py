"""The message exchange as every service sees it, whether RabbitMQ or this very process stands behind it.

Promises, the same for every implementation:

- A topic exchange: a routing key is words between dots; in a pattern `*` stands for one word, `#` for any number.
- `publish` returns when the broker has answered for every message; else it raises, and any part may have gone out.
- A subscription hears each message once and in order, on a thread of its own, between `on_connected` and `on_lost`.
- Nothing is lost in silence: whoever falls behind by more than `limit` messages, or whose line breaks, is told
  `on_lost`, hears nothing of what was queued, and is connected afresh; what came between is in the database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

LIMIT = 20_000
"""Messages a subscriber may be behind before it is told that it lost some."""


class ExchangeUnavailable(Exception):
    """The broker could not be reached, refused, or did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is published: a body of JSON under a routing key. The body may hold what a patient wrote."""

    exchange: str
    routing_key: str
    body: bytes = field(repr=False)
    type: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a subscriber wants to hear: the routing keys of `exchange` that match `pattern`."""

    exchange: str
    pattern: str


class Publisher(Protocol):
    """Whoever publishes; safe to share between threads."""

    @property
    def connected(self) -> bool:
        """Tell whether the broker is within reach."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has confirmed all; raise `ExchangeUnavailable` otherwise, within a bounded time."""

    def close(self) -> None:
        """Let go of the broker; what is not confirmed by now fails."""


class Subscription(Protocol):
    """Whoever hears."""

    @property
    def connected(self) -> bool:
        """Tell whether messages published now are on their way here."""

    def close(self) -> None:
        """Stop hearing; no callback begins after this returns."""


class Exchange(Protocol):
    """Where publishers and subscribers meet."""

    def publisher(self) -> Publisher:
        """Return a new publisher; it connects by itself, now and after every loss."""

    def subscribe(
        self,
        bindings: Sequence[Binding],
        *,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
        limit: int = LIMIT,
    ) -> Subscription:
        """Hear what matches any of the bindings, now and after every loss, until closed."""
