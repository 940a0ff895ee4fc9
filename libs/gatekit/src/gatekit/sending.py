"""Posting over REST through the queue that gathers the socket's sends as well, so that both are stored in batches."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gatekit.callers import Caller, Callers
from gatekit.conversations import Answer
from wire.claims import Claims
from wire.problems import Invalid, Unauthenticated

Posts = Callable[[Caller, str, Mapping[str, Any]], Answer]
"""Stores a caller's message in a conversation and returns its entry: 201, or 200 for a client id used before."""


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

    def post(self, claims: Claims, access_token: str, message: Mapping[str, Any]) -> Stored:
        """Store one message and wait for it; raises the Problem it met."""


def posts_through(queue: SendQueue, callers: Callers) -> Posts:
    """Return what posts through `queue`; a browser's token that was taken back meanwhile is renewed once."""

    def post(caller: Caller, conversation_id: str, message: Mapping[str, Any]) -> Answer:
        if message.get("attachment_ids"):
            raise Invalid(errors={"attachment_ids": ["Attachments cannot be sent yet."]})
        # What was left out needs no room on the way; `seen_seq: 0` was not left out.
        item = {name: value for name, value in message.items() if value not in (None, [])}
        item["conversation_id"] = conversation_id
        try:
            stored = queue.post(caller.claims, caller.token, item)
        except Unauthenticated:
            renewed = callers.renewed(caller)
            stored = queue.post(renewed.claims, renewed.token, item)
        return Answer(status=stored.status, body=stored.entry)

    return post
