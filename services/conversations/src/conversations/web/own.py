"""The doors of what is one person's own: preferences, drafts, and what they keep unread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from marshmallow import Schema

from conversations.model import Stream
from conversations.service.drafting import Drafting
from conversations.service.preferring import Preferred, Preferring
from conversations.service.unreading import Unreading
from servicekit.doors import json_object, json_response
from wire.bodies import ChangePreference, KeepDraft, MarkUnread
from wire.claims import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What these doors lead to."""

    preferring: Preferring
    drafting: Drafting
    unreading: Unreading


def own_doors(inside: Blueprint, caller: Callable[[], Claims], own: Own) -> None:
    """Open the doors; `caller` tells whose call it is."""

    @inside.get("/preferences")
    def preferences() -> Response:
        return json_response(own.preferring.mine(caller()))

    @inside.put("/conversations/<uuid:conversation_id>/preferences")
    def prefer(conversation_id: UUID) -> Response:
        claims, body = caller(), _body(ChangePreference())
        return json_response(own.preferring.prefer(claims, str(conversation_id), Preferred(**body)))

    @inside.put("/conversations/<uuid:conversation_id>/unread")
    def mark_unread(conversation_id: UUID) -> Response:
        claims, body = caller(), _body(MarkUnread())
        own.unreading.unread(claims, str(conversation_id), Stream(body["stream"]), body["seq"])
        return Response(status=204)

    @inside.get("/drafts")
    def drafts() -> Response:
        return json_response(own.drafting.mine(caller()))

    @inside.put("/conversations/<uuid:conversation_id>/draft")
    def keep_draft(conversation_id: UUID) -> Response:
        claims, body = caller(), _body(KeepDraft())
        own.drafting.keep(claims, str(conversation_id), Stream(body["stream"]), body["body"])
        return Response(status=204)


def _body(schema: Schema) -> dict[str, Any]:
    loaded: dict[str, Any] = schema.load(json_object(request))
    return loaded
