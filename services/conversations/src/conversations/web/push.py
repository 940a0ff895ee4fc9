"""The doors of notices: a person's browsers, by their own token; whom to tell, for a gateway itself."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import INCLUDE, Schema, fields, validate

from conversations.service.noticing import Noticing
from conversations.service.subscribing import Subscribing
from conversations.web.keys import Keys
from servicekit.doors import bearer_token, json_object, json_response
from wire.bodies import Id, Subscription

ITEMS_AT_ONCE = 500


class _Item(Schema):
    class Meta:
        """A newer gateway may say more than we know."""

        unknown = INCLUDE

    org = Id(required=True)
    message_id = Id()
    subscription_id = Id()


class _Items(Schema):
    items = fields.List(fields.Nested(_Item), required=True, validate=validate.Length(max=ITEMS_AT_ONCE))


def push_doors(keys: Keys, subscribing: Subscribing, noticing: Noticing) -> Blueprint:
    """Return the doors."""
    inside = Blueprint("push", __name__)

    @inside.put("/push/subscription")
    def subscribe() -> Response:
        claims = keys.caller(request)
        subscribing.subscribe(claims, _body(Subscription())["endpoint"])
        return Response(status=204)

    @inside.delete("/push/subscription")
    def unsubscribe() -> Response:
        claims = keys.caller(request)
        subscribing.unsubscribe(claims, _body(Subscription())["endpoint"])
        return Response(status=204)

    @inside.post("/push/addressees")
    def addressees() -> Response:
        plane = keys.plane(bearer_token(request))
        return json_response({"items": noticing.addressees(plane, _by_org("message_id"))})

    @inside.post("/push/gone")
    def gone() -> Response:
        plane = keys.plane(bearer_token(request))
        noticing.gone(plane, _by_org("subscription_id"))
        return Response(status=204)

    return inside


def _by_org(name: str) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for item in _body(_Items())["items"]:
        if name in item:
            found[item["org"]].append(item[name])
    return found


def _body(schema: Schema) -> dict[str, Any]:
    loaded: dict[str, Any] = schema.load(json_object(request))
    return loaded
