"""Every door but the two batch doors: what a gateway's REST calls become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from marshmallow import INCLUDE, Schema, fields, validate

from conversations.model import Kind, PersonKind, Status, Stream
from conversations.policy import kind_of
from conversations.service.acknowledging import Acknowledging
from conversations.service.catching_up import CatchingUp, Unlisted
from conversations.service.changing import Change, Changing
from conversations.service.forwarding import Forwarding
from conversations.service.forwarding import Wish as Forward
from conversations.service.opening import FirstMessage, Opening, Wish
from conversations.service.reading import Page, Place, Reading
from conversations.service.receipts import Receipts
from conversations.service.searching import Search, Searching
from conversations.service.typing import Typing
from conversations.web.keys import Keys
from conversations.web.own import Own, own_doors
from servicekit.doors import bearer_token, json_object, json_response
from wire.bodies import (
    STREAMS,
    AddParticipant,
    ChangeConversation,
    DirectoryQuery,
    EditMessage,
    ForwardMessage,
    Id,
    ListQuery,
    OpenConversation,
    OpenPortalConversation,
    Request,
    SearchQuery,
    Switch,
    TimelineQuery,
)
from wire.claims import Claims
from wire.frames import StreamPositions

CREATED, OK = 201, 200
TALLIES_AT_ONCE = 500


class TypingBody(Request):
    """POST /typing."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    active = Switch(required=True)


class CatchUpBody(Schema):
    """POST /catch-up."""

    class Meta:
        """A newer gateway may say more than we know."""

        unknown = INCLUDE

    positions = fields.Dict(keys=Id(), values=fields.Nested(StreamPositions), required=True)
    unlisted = fields.String(required=True, validate=validate.OneOf(tuple(Unlisted)))
    with_me = fields.Boolean(load_default=False)


class _SomebodyOf(Schema):
    class Meta:
        """A newer gateway may say more than we know."""

        unknown = INCLUDE

    org = Id(required=True)
    user_id = Id(required=True)


class TalliesBody(Schema):
    """POST /tallies."""

    items = fields.List(fields.Nested(_SomebodyOf), required=True, validate=validate.Length(max=TALLIES_AT_ONCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What the doors lead to."""

    reading: Reading
    opening: Opening
    changing: Changing
    acknowledging: Acknowledging
    receipts: Receipts
    searching: Searching
    forwarding: Forwarding
    own: Own
    catching_up: CatchingUp
    typing: Typing


def doors(keys: Keys, use: UseCases) -> Blueprint:  # noqa: C901 - a list of doors, each a few lines
    """Return the doors."""
    inside = Blueprint("inside", __name__)

    def caller() -> Claims:
        return keys.caller(request)

    @inside.get("/me")
    def me() -> Response:
        return json_response(use.reading.me(caller()))

    @inside.get("/conversations")
    def conversations() -> Response:
        claims, query = caller(), _query(ListQuery())
        page = Page(chosen=query["filter"], text=query["q"], cursor=query["cursor"], limit=query["limit"])
        return json_response(use.reading.conversations(claims, page))

    @inside.post("/conversations")
    def open_conversation() -> Response:
        claims = caller()
        shown, is_new = use.opening.open(claims, _wish(claims))
        return json_response(shown, CREATED if is_new else OK)

    @inside.get("/conversations/<uuid:conversation_id>")
    def conversation(conversation_id: UUID) -> Response:
        return json_response(use.reading.conversation(caller(), str(conversation_id)))

    @inside.patch("/conversations/<uuid:conversation_id>")
    def change_conversation(conversation_id: UUID) -> Response:
        claims, body = caller(), _body(ChangeConversation())
        status = Status(body["status"]) if "status" in body else None
        change = Change(subject=body.get("subject"), status=status)
        return json_response(use.changing.change(claims, str(conversation_id), change))

    @inside.get("/conversations/<uuid:conversation_id>/timeline")
    def timeline(conversation_id: UUID) -> Response:
        claims, query = caller(), _query(TimelineQuery())
        place = Place(
            stream=Stream(query["stream"]), before=query["before"], after=query["after"], limit=query["limit"]
        )
        return json_response(use.reading.timeline(claims, str(conversation_id), place))

    @inside.post("/conversations/<uuid:conversation_id>/participants")
    def add_participant(conversation_id: UUID) -> Response:
        claims, body = caller(), _body(AddParticipant())
        return json_response(use.changing.add(claims, str(conversation_id), body["user_id"]))

    @inside.delete("/conversations/<uuid:conversation_id>/participants/<uuid:user_id>")
    def remove_participant(conversation_id: UUID, user_id: UUID) -> Response:
        return json_response(use.changing.remove(caller(), str(conversation_id), str(user_id)))

    @inside.patch("/messages/<uuid:message_id>")
    def edit_message(message_id: UUID) -> Response:
        claims, body = caller(), _body(EditMessage())
        return json_response(use.changing.edit(claims, str(message_id), body["body"]))

    @inside.delete("/messages/<uuid:message_id>")
    def recall_message(message_id: UUID) -> Response:
        return json_response(use.changing.recall(caller(), str(message_id)))

    @inside.post("/messages/<uuid:message_id>/acknowledgement")
    def acknowledge_message(message_id: UUID) -> Response:
        return json_response(use.acknowledging.acknowledge(caller(), str(message_id)))

    @inside.get("/messages/<uuid:message_id>/history")
    def history(message_id: UUID) -> Response:
        return json_response(use.reading.history(caller(), str(message_id)))

    @inside.get("/messages/<uuid:message_id>/receipts")
    def receipts(message_id: UUID) -> Response:
        return json_response(use.receipts.of(caller(), str(message_id)))

    @inside.post("/messages/<uuid:message_id>/reminder")
    def remind(message_id: UUID) -> Response:
        return json_response(use.receipts.remind(caller(), str(message_id)))

    @inside.post("/messages/<uuid:message_id>/forward")
    def forward_message(message_id: UUID) -> Response:
        claims, body = caller(), _body(ForwardMessage())
        wish = Forward(**{**body, "stream": Stream(body["stream"])})
        entry, is_new = use.forwarding.forward(claims, str(message_id), wish)
        return json_response(entry, CREATED if is_new else OK)

    @inside.get("/conversations/<uuid:conversation_id>/patient")
    def patient(conversation_id: UUID) -> Response:
        return json_response(use.reading.patient(caller(), str(conversation_id)))

    @inside.get("/directory")
    def directory() -> Response:
        claims, query = caller(), _query(DirectoryQuery())
        kind = None if query["kind"] is None else PersonKind(query["kind"])
        return json_response(use.reading.people(claims, query["q"], kind, query["limit"]))

    @inside.get("/search")
    def search() -> Response:
        return json_response(use.searching.search(caller(), _search()))

    @inside.post("/typing")
    def typing() -> Response:
        claims, body = caller(), _body(TypingBody())
        use.typing.tell(claims, body["conversation_id"], Stream(body["stream"]), active=body["active"])
        return Response(status=204)

    @inside.post("/catch-up")
    def catch_up() -> Response:
        claims, body = caller(), _body(CatchUpBody())
        positions = {
            conversation_id: {Stream(stream): seq for stream, seq in held.items()}
            for conversation_id, held in body["positions"].items()
        }
        unlisted = Unlisted(body["unlisted"])
        return json_response(use.catching_up.catch_up(claims, positions, unlisted, with_me=body["with_me"]))

    @inside.post("/tallies")
    def tallies() -> Response:
        plane, people = keys.plane(bearer_token(request)), defaultdict(list)
        for item in _body(TalliesBody())["items"]:
            people[item["org"]].append(item["user_id"])
        return json_response({"items": use.catching_up.tallies(plane, people)})

    own_doors(inside, caller, use.own)
    return inside


def _body(schema: Schema) -> dict[str, Any]:
    loaded: dict[str, Any] = schema.load(json_object(request))
    return loaded


def _query(schema: Schema) -> dict[str, Any]:
    loaded: dict[str, Any] = schema.load(request.args.to_dict())
    return loaded


def _search() -> Search:
    query = _query(SearchQuery())
    return Search(
        text=query.pop("q"),
        with_file=query.pop("has") is not None,
        mentions_me=query.pop("mentions") is not None,
        **query,
    )


def _wish(claims: Claims) -> Wish:
    staff = kind_of(claims) is PersonKind.STAFF
    body = _body(OpenConversation() if staff else OpenPortalConversation())
    return Wish(
        kind=Kind(body["kind"]) if staff else Kind.PATIENT,
        subject=body.get("subject") or "",
        participant_ids=tuple(body.get("participant_ids", ())),
        patient_id=body.get("patient_id"),
        first_message=_first_message(body.get("first_message")),
    )


def _first_message(body: Mapping[str, str] | None) -> FirstMessage | None:
    return None if body is None else FirstMessage(client_message_id=body["client_message_id"], body=body["body"])
