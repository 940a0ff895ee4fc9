"""Looking at conversations: the list, one of them, its timeline, the history of a message, and how much is unread.

Counts are taken from what is stored, at the moment somebody looks.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row

from conversations.model import Action, Audience, Kind, Participation, PersonKind, Standing, Status, Stream
from conversations.policy import (
    can_reply,
    require_hearing,
    require_history,
    require_member,
    require_staff,
    streams_of,
)
from conversations.service import shapes
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import directory, timeline
from conversations.store.asked import Point
from wire.claims import Claims, Plane
from wire.ids import is_id
from wire.permissions import Permission
from wire.problems import Invalid, NotFound, PermissionRequired
from wire.times import from_wire, to_wire

Reached = Mapping[str, Mapping[str, Mapping[Stream, int]]]
"""How far people have read: by conversation, person and stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of the list somebody wants."""

    chosen: str = "all"
    text: str = ""
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which part of a stream somebody wants."""

    stream: Stream = Stream.SHARED
    before: int | None = None
    after: int | None = None
    limit: int = 50


class Reading:
    """What people may look at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def me(self, claims: Claims) -> Shape:
        """Return who the caller is and how much is unread."""
        return self._desk.do(claims, Action.LISTED, _me)

    def conversations(self, claims: Claims, page: Page) -> Shape:
        """Return a page of the caller's conversations, newest activity first."""
        return self._desk.do(claims, Action.LISTED, lambda work: _list(work, page))

    def conversation(self, claims: Claims, conversation_id: str) -> Shape:
        """Return one conversation."""

        def use_case(work: Work) -> Shape:
            shown = shown_to(work.connection, claims, [conversation_id])
            if not shown:
                raise NotFound
            work.record(Action.VIEWED, conversation_id)
            return shown[0]

        return self._desk.do(claims, Action.VIEWED, use_case, conversation_id=conversation_id)

    def timeline(self, claims: Claims, conversation_id: str, place: Place) -> Shape:
        """Return a page of a stream, oldest first."""
        return self._desk.do(
            claims,
            Action.READ,
            lambda work: _timeline(work, conversation_id, place),
            conversation_id=conversation_id,
        )

    def history(self, claims: Claims, message_id: str) -> Shape:
        """Return a message's earlier bodies, oldest first."""
        return self._desk.do(claims, Action.HISTORY_READ, lambda work: _history(work, message_id))

    def people(self, claims: Claims, text: str, kind: PersonKind | None, limit: int) -> Shape:
        """Return whom the caller may write to."""
        return self._desk.do(claims, Action.SEARCHED_DIRECTORY, lambda work: _people(work, text, kind, limit))


def member_of(
    connection: Connection, claims: Claims, conversation_id: str, *, lock: bool = False
) -> tuple[Standing, Audience]:
    """Return a conversation the caller takes part in and who else does; NotFound for everybody else."""
    found = store.standings(connection, claims.organisation_id, [conversation_id], lock=lock)
    audience = store.audiences(connection, [conversation_id]).get(conversation_id, Audience())
    return require_member(claims, found.get(conversation_id), audience), audience


def shown_to(connection: Connection, claims: Claims, ids: Collection[str]) -> list[Shape]:
    """Return those of these conversations the caller takes part in, as the caller sees them."""
    return _shown(connection, claims, _mine(connection, claims, only=ids))


def _me(work: Work) -> Shape:
    claims = work.claims
    me = work.me()
    rows = _mine(work.connection, claims)
    unread = _unread(work.connection, claims, rows, _reached(work.connection, claims, rows, claims.user_id))
    return {
        "user": shapes.person(me),
        "org": {"id": work.org, "name": directory.organisation_name(work.connection, work.org)},
        "unread_total": sum(unread.values()),
    }


def _list(work: Work, page: Page) -> Shape:
    work.record(Action.LISTED)
    rows = _mine(
        work.connection,
        work.claims,
        filtered=_filters(work.claims, page),
        before=None if page.cursor is None else _read_cursor(page.cursor),
        limit=page.limit + 1,
    )
    shown, more = rows[: page.limit], len(rows) > page.limit
    return {
        "items": _shown(work.connection, work.claims, shown),
        "next_cursor": _cursor(shown[-1]) if more else None,
    }


def _filters(claims: Claims, page: Page) -> list[ColumnElement[bool]]:
    chosen: dict[str, list[ColumnElement[bool]]] = {
        "all": [],
        "unread": [store.with_unread(claims.user_id, streams_of(claims))],
        "patients": [store.of_kind(Kind.PATIENT)],
        "staff": [store.of_kind(Kind.DIRECT, Kind.GROUP)],
        "closed": [store.of_status(Status.CLOSED)],
    }
    text = page.text.strip()
    return chosen[page.chosen] + ([store.named(text)] if text else [])


def _timeline(work: Work, conversation_id: str, place: Place) -> Shape:
    if place.before is not None and place.after is not None:
        raise Invalid(errors={"before": ["Give either before or after."]})
    standing, _ = member_of(work.connection, work.claims, conversation_id)
    require_hearing(work.claims, standing, place.stream)
    rows = timeline.page(
        work.connection,
        conversation_id=conversation_id,
        stream=place.stream,
        before=place.before,
        after=place.after,
        limit=place.limit,
    )
    first, last = (rows[0].seq, rows[-1].seq) if rows else (None, None)
    work.record(Action.READ, conversation_id, stream=place.stream, first_seq=first, last_seq=last)
    # Entries are read after the head, so a page may end beyond it.
    head = max(standing.head(place.stream), last or 0)
    has_more = bool(rows) and (last != head if place.after is not None else first != 1)
    return {"items": [shapes.entry_of(row) for row in rows], "head": head, "has_more": has_more}


def _history(work: Work, message_id: str) -> Shape:
    message = timeline.message(work.connection, work.org, message_id)
    if message is None:
        raise NotFound
    standing, _ = member_of(work.connection, work.claims, message.conversation_id)
    require_hearing(work.claims, standing, message.stream)
    require_history(work.claims, message)
    work.record(Action.HISTORY_READ, message.conversation_id, subject_id=message_id)
    bodies = [(row.version, row.body, row.at) for row in timeline.versions(work.connection, message_id)]
    if message.recalled_at is not None and not bodies:
        bodies = [(message.version, message.body, message.posted_at)]
    earlier = [one for one in bodies if message.recalled_at is not None or one[0] < message.version]
    return {"items": [{"body": body, "at": to_wire(at)} for _, body, at in earlier]}


def _people(work: Work, text: str, kind: PersonKind | None, limit: int) -> Shape:
    claims, text = work.claims, text.strip()
    require_staff(claims)
    may_write_to_patients = claims.may(Permission.PATIENT_SEND)
    if kind is PersonKind.PATIENT and not may_write_to_patients:
        raise PermissionRequired
    work.record(Action.SEARCHED_DIRECTORY)
    found: list[Shape] = []
    if kind is not PersonKind.PATIENT:
        staff = directory.search_staff(work.connection, work.org, text, limit + 1)
        found += [
            {"id": row.id, "name": row.name, "kind": PersonKind.STAFF, "title": row.title or None, "birth_date": None}
            for row in staff
            if row.id != claims.user_id
        ]
    if kind is not PersonKind.STAFF and may_write_to_patients:
        found += [
            {
                "id": row.id,
                "name": row.name,
                "kind": PersonKind.PATIENT,
                "title": None,
                "birth_date": None if row.birth_date is None else row.birth_date.isoformat(),
            }
            for row in directory.search_patients(work.connection, work.org, text, limit)
        ]
    return {"items": found[:limit]}


def _mine(
    connection: Connection,
    claims: Claims,
    *,
    only: Collection[str] | None = None,
    filtered: Sequence[ColumnElement[bool]] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
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


def _shown(connection: Connection, claims: Claims, rows: Sequence[Row[Any]]) -> list[Shape]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    members = store.participations(connection, ids)
    reached = _reached(connection, claims, rows)
    unread = _unread(connection, claims, rows, reached)
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


def _reached(connection: Connection, claims: Claims, rows: Sequence[Row[Any]], user_id: str | None = None) -> Reached:
    found: defaultdict[str, defaultdict[str, dict[Stream, int]]] = defaultdict(lambda: defaultdict(dict))
    for mark in timeline.read_marks(connection, [row.id for row in rows], streams_of(claims), user_id):
        found[mark.conversation_id][mark.user_id][Stream(mark.stream)] = mark.read_seq
    return found


def _unread(
    connection: Connection, claims: Claims, rows: Sequence[Row[Any]], reached: Reached
) -> dict[tuple[str, str], int]:
    """Count only in streams whose head is beyond what the caller has read."""
    places: list[Point] = []
    for row in rows:
        mine = reached.get(row.id, {}).get(claims.user_id, {})
        for stream in streams_of(claims):
            head, joined = (
                (row.head_shared, row.joined_shared)
                if stream is Stream.SHARED
                else (row.head_internal, row.joined_internal)
            )
            seen = max(mine.get(stream, 0), joined)
            if head > seen:
                places.append((row.id, stream, seen))
    return timeline.unread(connection, claims.user_id, places)


def _last_entries(connection: Connection, claims: Claims, rows: Sequence[Row[Any]]) -> dict[str, Shape]:
    newest = {row.id: point for row in rows if (point := _newest(claims, row)) is not None}
    return {row.conversation_id: shapes.entry_of(row) for row in timeline.at(connection, list(newest.values()))}


def _newest(claims: Claims, row: Row[Any]) -> Point | None:
    internal = claims.plane is Plane.STAFF and row.internal_at is not None and row.internal_at > row.shared_at
    if internal:
        return row.id, Stream.INTERNAL, row.head_internal
    return (row.id, Stream.SHARED, row.head_shared) if row.head_shared else None


def _cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row.activity, row.id])).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not is_id(last):
            raise ValueError("no id")
        return from_wire(at), last
    except (ValueError, TypeError, binascii.Error) as broken:
        raise Invalid(errors={"cursor": ["Not a cursor we gave out."]}) from broken
