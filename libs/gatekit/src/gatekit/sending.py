"""Posting over REST through the queue that gathers the socket's sends as well, so that both are stored in batches."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from gatekit.callers import Caller, Callers
from gatekit.conversations import Answer
from wire.claims import Claims
from wire.problems import Unauthenticated

_ALWAYS_SENT: Final = frozenset({"client_message_id", "body", "stream"})


class Stored(Protocol):
    """A message that was stored."""

    @property
    def status(self) -> int:
        """201, or 200 when its client id was used before."""

    @property
    def entry(self) -> Mapping[str, Any]:
        """The entry."""


class SendQueue(Protocol):
    """What gathers sends (`realtime.sends`)."""

    def post(self, claims: Claims, access_token: str, message: Mapping[str, Any], *, counted: bool = False) -> Stored:
        """Store one message and wait for it; raises the Problem it met. `counted`: against its author's share."""

    def count(self, claims: Claims) -> None:
        """Count a message against its author's share; RateLimited."""


class Posting:
    """Posts callers' messages."""

    def __init__(self, queue: SendQueue, callers: Callers) -> None:
        self._queue = queue
        self._callers = callers

    def post(self, caller: Caller, conversation_id: str, message: Mapping[str, Any]) -> Answer:
        """Store a message and return its entry: 201, or 200 for a client id used before.

        Raises the Problem it met. A browser's token that was taken back meanwhile is renewed once.
        """
        # What was left at its default needs no room on the way.
        item = {name: value for name, value in message.items() if value or name in _ALWAYS_SENT}
        item["conversation_id"] = conversation_id
        try:
            stored = self._queue.post(caller.claims, caller.token, item)
        except Unauthenticated:
            renewed = self._callers.renewed(caller)
            stored = self._queue.post(renewed.claims, renewed.token, item, counted=True)
        return Answer(status=stored.status, body=stored.entry)

    def count(self, caller: Caller) -> None:
        """Count a message that goes another way, as a conversation's first does; RateLimited."""
        self._queue.count(caller.claims)
