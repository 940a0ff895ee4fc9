"""The doors of what is one person's own, alike on both planes: preferences, drafts, and what they keep unread."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema

from gatekit.api import Calls, caller
from gatekit.conversations import Conversations
from servicekit.doors import json_response
from wire.bodies import ChangePreference, Preference, Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The bodies of a plane that name a stream."""

    unread: type[Schema]
    draft: type[Schema]
    drafts: type[Schema]


def own_calls(doors: Calls, conversations: Conversations, own: Own) -> None:
    """Declare the calls."""
    ask = conversations.ask

    @doors.call("GET", "/preferences", gives=Preferences)
    def preferences() -> Response:
        """List what one prefers about conversations, for oneself."""
        return json_response(ask(caller(), "GET", "/preferences").body)

    @doors.call("PUT", "/conversations/<uuid:conversation_id>/preferences", takes=ChangePreference, gives=Preference)
    def change_preferences(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Pin, silence or put away a conversation, for oneself; what was put away comes back with what is new."""
        path = f"/conversations/{conversation_id}/preferences"
        return json_response(ask(caller(), "PUT", path, body=body).body)

    @doors.call("PUT", "/conversations/<uuid:conversation_id>/unread", takes=own.unread, gives=None, status=204)
    def mark_unread(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Keep messages unread from an entry on, until one next reads there."""
        ask(caller(), "PUT", f"/conversations/{conversation_id}/unread", body=body)
        return Response(status=204)

    @doors.call("GET", "/drafts", gives=own.drafts)
    def drafts() -> Response:
        """List what one was writing, the newest first; a draft is gone once its author posted after it."""
        return json_response(ask(caller(), "GET", "/drafts").body)

    @doors.call("PUT", "/conversations/<uuid:conversation_id>/draft", takes=own.draft, gives=None, status=204)
    def keep_draft(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Keep what one is writing, so that it can be gone on with on another device."""
        ask(caller(), "PUT", f"/conversations/{conversation_id}/draft", body=body)
        return Response(status=204)
