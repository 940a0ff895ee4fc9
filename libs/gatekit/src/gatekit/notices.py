"""The calls of notices, alike on both planes: the key to subscribe with, and a browser's own address."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response

from gatekit.api import Calls, caller
from gatekit.conversations import Conversations
from servicekit.doors import json_response
from wire.bodies import PushKey, Subscription
from wire.problems import Conflict, Invalid

NONE_SENT = "No notices are sent to devices here."


@dataclass(frozen=True, slots=True, kw_only=True)
class PushDoor:
    """What a gateway's notices stand on: its public key, None without one, and why an address is not called."""

    public_key: str | None = None
    refusal: Callable[[str], str | None] = lambda _endpoint: NONE_SENT


def push_calls(doors: Calls, conversations: Conversations, push: PushDoor) -> None:
    """Declare the calls."""

    @doors.call("GET", "/push", gives=PushKey)
    def push_key() -> Response:
        """Tell the key that a browser subscribes with; null where no notices are sent to devices."""
        return json_response({"public_key": push.public_key})

    @doors.call("PUT", "/push/subscription", takes=Subscription, gives=None, status=204, refuses=(Conflict,))
    def subscribe(body: dict[str, Any]) -> Response:
        """Have this browser told that something is new, and nothing else, until the session ends."""
        if push.public_key is None:
            raise Conflict(NONE_SENT)
        refusal = push.refusal(body["endpoint"])
        if refusal is not None:
            raise Invalid(errors={"endpoint": [refusal]})
        conversations.ask(caller(), "PUT", "/push/subscription", body=body)
        return Response(status=204)

    @doors.call("DELETE", "/push/subscription", takes=Subscription, gives=None, status=204)
    def unsubscribe(body: dict[str, Any]) -> Response:
        """Have this browser told no more."""
        conversations.ask(caller(), "DELETE", "/push/subscription", body=body)
        return Response(status=204)
