"""Drafts that follow a person from one device to the next; nobody else ever sees one.

A draft is gone once its author posted in that stream after it: that is found out when somebody looks, so sending costs
nothing for it.
"""

from __future__ import annotations

from conversations.model import Action, Stream
from conversations.policy import require_hearing, streams_of
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.service.showing import heard_by
from conversations.store import conversations as store
from conversations.store import drafts
from wire.claims import Claims, Plane
from wire.times import to_wire


class Drafting:
    """Keeps drafts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def mine(self, claims: Claims) -> Shape:
        """Return the caller's drafts in the conversations they take part in, the newest first."""
        return self._desk.do(claims, Action.DRAFTS_READ, _mine)

    def keep(self, claims: Claims, conversation_id: str, stream: Stream, body: str) -> None:
        """Keep what the caller is writing; nothing but white space forgets it."""
        self._desk.do(
            claims,
            Action.DRAFTED,
            lambda work: _keep(work, conversation_id, stream, body),
            conversation_id=conversation_id,
        )


def _mine(work: Work) -> Shape:
    claims = work.claims
    here = store.whereabouts(
        work.connection,
        org=work.org,
        user_id=claims.user_id,
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
    )
    ids = {row.id for row in here}
    work.record(Action.DRAFTS_READ)
    return {
        "items": [
            {
                "conversation_id": row.conversation_id,
                "stream": row.stream,
                "body": row.body,
                "updated_at": to_wire(row.updated_at),
            }
            for row in drafts.of(work.connection, claims.user_id, streams_of(claims))
            if row.conversation_id in ids
        ]
    }


def _keep(work: Work, conversation_id: str, stream: Stream, body: str) -> None:
    standing = heard_by(work.connection, work.claims, conversation_id)
    require_hearing(work.claims, standing, stream)
    work.record(Action.DRAFTED, conversation_id, stream=stream)
    if not body.strip():
        return drafts.forget(work.connection, work.claims.user_id, conversation_id, stream)
    row = {
        "user_id": work.claims.user_id,
        "conversation_id": conversation_id,
        "stream": stream,
        "org": work.org,
        "body": body,
        "head": standing.head(stream),
        "updated_at": work.at,
    }
    return drafts.put(work.connection, row)
