"""Looking at conversations: the list, one of them, its timeline, the history of a message, and how much is unread.

Counts are taken from what is stored, at the moment somebody looks.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row

from conversations.model import Action, Kind, PersonKind, Status, Stream
from conversations.policy import require_hearing, require_history, require_staff, streams_of
from conversations.service import entries, shapes
from conversations.service.desk import Desk, Work
from conversations.service.joining import join_ones_own
from conversations.service.shapes import Shape
from conversations.service.showing import heard_by, mine, shown, shown_to
from conversations.store import conversations as store
from conversations.store import directory, preferences, timeline
from wire.claims import Claims, Plane
from wire.ids import is_id
from wire.permissions import Permission
from wire.problems import Invalid, NotFound, PermissionRequired
from wire.times import from_wire, to_wire


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
        """Return who the caller is and how much is unread; on the portal also whom they stand for."""
        return self._desk.do(claims, Action.LISTED, _me_and_patients, often=True)

    def conversations(self, claims: Claims, page: Page) -> Shape:
        """Return a page of the caller's conversations, newest activity first."""
        return self._desk.do(claims, Action.LISTED, lambda work: _list(work, page), often=True)

    def conversation(self, claims: Claims, conversation_id: str) -> Shape:
        """Return one conversation."""

        def use_case(work: Work) -> Shape:
            shown = shown_to(work.connection, claims, [conversation_id])
            if not shown:
                raise NotFound
            work.record(Action.VIEWED, conversation_id)
            return shown[0]

        return self._desk.do(claims, Action.VIEWED, use_case, conversation_id=conversation_id, often=True)

    def timeline(self, claims: Claims, conversation_id: str, place: Place) -> Shape:
        """Return a page of a stream, oldest first."""
        return self._desk.do(
            claims,
            Action.READ,
            lambda work: _timeline(work, conversation_id, place),
            conversation_id=conversation_id,
            often=True,
        )

    def history(self, claims: Claims, message_id: str) -> Shape:
        """Return a message's earlier bodies, oldest first."""
        return self._desk.do(claims, Action.HISTORY_READ, lambda work: _history(work, message_id))

    def patient(self, claims: Claims, conversation_id: str) -> Shape:
        """Return who the patient of a conversation is, as the clinic's records have it."""
        return self._desk.do(
            claims,
            Action.PATIENT_VIEWED,
            lambda work: _patient(work, conversation_id),
            conversation_id=conversation_id,
        )

    def people(self, claims: Claims, text: str, kind: PersonKind | None, limit: int) -> Shape:
        """Return whom the caller may write to."""
        return self._desk.do(claims, Action.SEARCHED_DIRECTORY, lambda work: _people(work, text, kind, limit))


def me_of(work: Work) -> Shape:
    """Return who the caller is and how much is unread."""
    join_ones_own(work)
    unread = _unread(work)
    user, organisation = work.me_and_organisation()
    return {
        "user": shapes.person(user),
        "org": {"id": work.org, "name": organisation},
        "unread_total": sum(unread.values()),
    }


def _me_and_patients(work: Work) -> Shape:
    me = me_of(work)
    if work.claims.plane is not Plane.PORTAL:
        return me
    return me | {"patients": directory.patients_named(work.connection, work.org, work.claims.patients)}


def _unread(work: Work) -> dict[tuple[str, str], int]:
    """Count what is unread in all of the caller's conversations, by conversation and stream."""
    claims = work.claims
    return timeline.unread_of(
        work.connection,
        org=work.org,
        user_id=claims.user_id,
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
        streams=streams_of(claims),
    )


def _with_unread(work: Work) -> set[str]:
    return {conversation_id for conversation_id, _ in _unread(work)}


def _list(work: Work, page: Page) -> Shape:
    work.record(Action.LISTED)
    join_ones_own(work)
    rows = mine(
        work.connection,
        work.claims,
        only=_with_unread(work) if page.chosen == "unread" else None,
        filtered=_filters(page, portal=work.claims.plane is Plane.PORTAL),
        before=None if page.cursor is None else _read_cursor(page.cursor),
        limit=page.limit + 1,
    )
    here, more = rows[: page.limit], len(rows) > page.limit
    return {
        "items": shown(work.connection, work.claims, here),
        "next_cursor": _cursor(here[-1]) if more else None,
    }


def _filters(page: Page, *, portal: bool) -> list[ColumnElement[bool]]:
    text, away = page.text.strip(), preferences.put_away(portal=portal)
    # What was put away is found by its name.
    here = [] if text else [~away]
    chosen: dict[str, list[ColumnElement[bool]]] = {
        "all": here,
        "unread": [],
        "patients": [*here, store.of_kind(Kind.PATIENT)],
        "staff": [*here, store.of_kind(Kind.DIRECT, Kind.GROUP)],
        "closed": [*here, store.of_status(Status.CLOSED)],
        "archived": [away],
    }
    return chosen[page.chosen] + ([store.named(text)] if text else [])


def _timeline(work: Work, conversation_id: str, place: Place) -> Shape:
    if place.before is not None and place.after is not None:
        raise Invalid(errors={"before": ["Give either before or after."]})
    standing = heard_by(work.connection, work.claims, conversation_id)
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
    return {"items": entries.shown(work.connection, rows, plane=work.claims.plane), "head": head, "has_more": has_more}


def _history(work: Work, message_id: str) -> Shape:
    message = timeline.message(work.connection, work.org, message_id)
    if message is None:
        raise NotFound
    standing = heard_by(work.connection, work.claims, message.conversation_id)
    require_hearing(work.claims, standing, message.stream)
    require_history(work.claims, message)
    work.record(Action.HISTORY_READ, message.conversation_id, subject_id=message_id)
    bodies = [(row.version, row.body, row.at) for row in timeline.versions(work.connection, message_id)]
    if message.recalled_at is not None and not bodies:
        bodies = [(message.version, message.body, message.posted_at)]
    earlier = [one for one in bodies if message.recalled_at is not None or one[0] < message.version]
    return {"items": [{"body": body, "at": to_wire(at)} for _, body, at in earlier]}


def _patient(work: Work, conversation_id: str) -> Shape:
    standing = heard_by(work.connection, work.claims, conversation_id)
    require_staff(work.claims)
    row = None
    if standing.patient_id is not None:
        row = directory.patient(work.connection, work.org, standing.patient_id)
    if row is None:
        raise NotFound
    work.record(Action.PATIENT_VIEWED, conversation_id, subject_id=row.id)
    return {
        "id": row.id,
        "name": row.name,
        "birth_date": None if row.birth_date is None else row.birth_date.isoformat(),
        "identifiers": orjson.loads(row.identifiers),
    }


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
