"""Conversations as one viewer sees them: put together from a few statements for any number of them.

Counts are taken from what is stored, at the moment somebody looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row

from conversations.model import Audience, Participation, PersonKind, Standing, Stream
from conversations.policy import can_reply, require_member, streams_of
from conversations.service import entries, shapes
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import timeline
from conversations.store.asked import Point
from wire.claims import Claims, Plane

Reached = Mapping[str, Mapping[str, Mapping[Stream, int]]]
"""How far people have read: by conversation, person and stream."""


def member_of(
    connection: Connection, claims: Claims, conversation_id: str, *, lock: bool = False
) -> tuple[Standing, Audience]:
    """Return a conversation the caller takes part in and who else does; NotFound for everybody else."""
    found = store.standings(connection, claims.organisation_id, [conversation_id], lock=lock)
    audience = store.audiences(connection, [conversation_id]).get(conversation_id, Audience())
    return require_member(claims, found.get(conversation_id), audience), audience


def heard_by(connection: Connection, claims: Claims, conversation_id: str) -> Standing:
    """Return a conversation the caller takes part in, whoever else does; NotFound for everybody else."""
    found = store.part_of(connection, claims.organisation_id, conversation_id, claims.user_id)
    standing, part = found or (None, Audience())
    return require_member(claims, standing, part)


def shown_to(connection: Connection, claims: Claims, ids: Collection[str]) -> list[Shape]:
    """Return those of these conversations the caller takes part in, as the caller sees them."""
    return shown(connection, claims, mine(connection, claims, only=ids))


def mine(
    connection: Connection,
    claims: Claims,
    *,
    only: Collection[str] | None = None,
    filtered: Sequence[ColumnElement[bool]] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Return the rows of the conversations the caller takes part in, newest activity first."""
    return store.mine(
        connection,
        org=claims.organisation_id,
        user_id=claims.user_id,
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
        only=only,
        filtered=filtered,
        before=before,
        limit=limit,
    )


def shown(connection: Connection, claims: Claims, rows: Sequence[Row[Any]]) -> list[Shape]:
    """Return these rows as the caller sees them, in the same order."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    members = store.participations(connection, ids)
    marks = timeline.read_marks(connection, ids, streams_of(claims))
    reached = _reached(marks)
    unread = _unread(connection, claims, rows, _counted_from(claims, marks))
    last = _last_entries(connection, claims, rows)
    return [_show(claims, row, members[row.id], reached.get(row.id, {}), unread, last.get(row.id)) for row in rows]


def _show(
    claims: Claims,
    row: Row[Any],
    members: list[Participation],
    reached: Mapping[str, Mapping[Stream, int]],
    unread: Mapping[tuple[str, str], int],
    last_entry: Shape | None,
) -> Shape:
    standing, streams = store.standing(row), streams_of(claims)
    return shapes.conversation(
        standing,
        row,
        streams=streams,
        members=members,
        read=reached,
        unread={stream: unread.get((row.id, stream), 0) for stream in streams},
        last_entry=last_entry,
        cannot_reply=can_reply(claims, standing, audience_of(members)),
    )


def audience_of(members: Collection[Participation]) -> Audience:
    """Return who hears a conversation with these participants."""
    staff, patients = (
        tuple(member.user_id for member in members if member.kind is kind)
        for kind in (PersonKind.STAFF, PersonKind.PATIENT)
    )
    return Audience(staff=staff, patients=patients)


def _reached(marks: Sequence[Row[Any]]) -> Reached:
    """Return how far everybody has read."""
    found: defaultdict[str, defaultdict[str, dict[Stream, int]]] = defaultdict(lambda: defaultdict(dict))
    for mark in marks:
        found[mark.conversation_id][mark.user_id][Stream(mark.stream)] = mark.read_seq
    return found


def _counted_from(claims: Claims, marks: Sequence[Row[Any]]) -> dict[tuple[str, Stream], int]:
    """Return behind which seq the caller counts: what they have read, or less where they keep some of it unread."""
    return {
        (mark.conversation_id, Stream(mark.stream)): mark.read_seq
        if mark.unread_from is None
        else min(mark.read_seq, mark.unread_from - 1)
        for mark in marks
        if mark.user_id == claims.user_id
    }


def _unread(
    connection: Connection, claims: Claims, rows: Sequence[Row[Any]], counted_from: Mapping[tuple[str, Stream], int]
) -> dict[tuple[str, str], int]:
    """Count only in streams whose head is beyond what the caller has read."""
    places: list[Point] = []
    for row in rows:
        for stream in streams_of(claims):
            head, joined = (
                (row.head_shared, row.joined_shared)
                if stream is Stream.SHARED
                else (row.head_internal, row.joined_internal)
            )
            seen = max(counted_from.get((row.id, stream), 0), joined)
            if head > seen:
                places.append((row.id, stream, seen))
    return timeline.unread(connection, claims.user_id, places)


def _last_entries(connection: Connection, claims: Claims, rows: Sequence[Row[Any]]) -> dict[str, Shape]:
    newest = {row.id: point for row in rows if (point := _newest(claims, row)) is not None}
    found = entries.shown(connection, timeline.at(connection, list(newest.values())), plane=claims.plane)
    return {entry["conversation_id"]: entry for entry in found}


def _newest(claims: Claims, row: Row[Any]) -> Point | None:
    internal = claims.plane is Plane.STAFF and row.internal_at is not None and row.internal_at > row.shared_at
    if internal:
        return row.id, Stream.INTERNAL, row.head_internal
    return (row.id, Stream.SHARED, row.head_shared) if row.head_shared else None
