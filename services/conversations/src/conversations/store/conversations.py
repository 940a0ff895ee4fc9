"""Conversations and who takes part in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import Audience, Kind, Participation, PersonKind, Role, Standing, Status
from conversations.tables import accounts, conversations, participants, patients, stands_for

LASTS = participants.c.left_at.is_(None)

# Whoever joined, did not leave, has an active account and, on the patient's side, still stands for the patient.
TAKES_PART = and_(
    LASTS,
    select(accounts.c.id)
    .where(accounts.c.id == participants.c.user_id, accounts.c.active)
    .correlate(participants)
    .exists(),
    or_(
        participants.c.kind == PersonKind.STAFF,
        select(stands_for.c.account_id)
        .join(conversations, conversations.c.patient_id == stands_for.c.patient_id)
        .where(stands_for.c.account_id == participants.c.user_id, conversations.c.id == participants.c.conversation_id)
        .correlate(participants)
        .exists(),
    ),
)

# When anything staff can see last happened, and when anything a patient can see did.
STAFF_ACTIVITY = case(
    (conversations.c.internal_at > conversations.c.shared_at, conversations.c.internal_at),
    else_=conversations.c.shared_at,
)
PORTAL_ACTIVITY = conversations.c.shared_at


def standings(connection: Connection, org: str, ids: Collection[str], *, lock: bool = False) -> dict[str, Standing]:
    """Return conversations by id; with `lock`, nobody else changes them until the transaction ends.

    Locks are taken in the order of the ids, so that two callers never wait for each other.
    """
    query = select(conversations).where(conversations.c.org == org, conversations.c.id.in_(ids))
    query = query.order_by(conversations.c.id)
    if lock:
        query = query.with_for_update(key_share=True)
    return {row.id: standing(row) for row in connection.execute(query)}


def standing(row: Row[Any]) -> Standing:
    """Read a conversation's row."""
    return Standing(
        id=row.id,
        org=row.org,
        kind=Kind(row.kind),
        status=Status(row.status),
        head_shared=row.head_shared,
        head_internal=row.head_internal,
        shared_at=row.shared_at,
        internal_at=row.internal_at,
        patient_id=row.patient_id,
    )


def audiences(connection: Connection, ids: Collection[str]) -> dict[str, Audience]:
    """Return who takes part in each of these conversations."""
    query = select(participants.c.conversation_id, participants.c.user_id, participants.c.kind)
    found: defaultdict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for conversation_id, user_id, kind in connection.execute(
        query.where(participants.c.conversation_id.in_(ids), TAKES_PART).order_by(participants.c.user_id)
    ):
        found[conversation_id][kind == PersonKind.PATIENT].append(user_id)
    return {one: Audience(staff=tuple(staff), patients=tuple(heard)) for one, (staff, heard) in found.items()}


def participations(connection: Connection, ids: Collection[str]) -> dict[str, list[Participation]]:
    """Return everybody's part in each of these conversations, in the order they joined."""
    query = (
        select(participants, accounts.c.name)
        .join(accounts, accounts.c.id == participants.c.user_id)
        .where(participants.c.conversation_id.in_(ids), TAKES_PART)
        .order_by(participants.c.joined_at, participants.c.user_id)
    )
    found: defaultdict[str, list[Participation]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.conversation_id].append(_participation(row))
    return found


def open_one(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Store a new conversation; False when the same one was opened already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(conversations).values(row).on_conflict_do_nothing().returning(conversations.c.id)
    return connection.execute(statement).first() is not None


def opened_by_key(connection: Connection, org: str, user_id: str, key: str) -> str | None:
    """Return the conversation that this person opened with this client_message_id."""
    query = select(conversations.c.id).where(
        conversations.c.org == org, conversations.c.opened_by == user_id, conversations.c.opening_key == key
    )
    return connection.execute(query).scalar()


def direct_between(connection: Connection, org: str, key: str) -> str | None:
    """Return the direct conversation of two people."""
    query = select(conversations.c.id).where(conversations.c.org == org, conversations.c.direct_key == key)
    return connection.execute(query).scalar()


def not_joined(connection: Connection, org: str, user_id: str, patient_ids: Collection[str]) -> list[str]:
    """Return the conversations about these patients that this portal account was never brought into."""
    joined = select(participants.c.user_id).where(
        participants.c.conversation_id == conversations.c.id, participants.c.user_id == user_id
    )
    query = select(conversations.c.id).where(
        conversations.c.org == org, conversations.c.patient_id.in_(patient_ids), ~joined.exists()
    )
    return [row.id for row in connection.execute(query)]


def take_in(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store who takes part in a new conversation."""
    connection.execute(insert(participants), list(rows))


def take_in_again(connection: Connection, row: Mapping[str, Any]) -> None:
    """Store that somebody joined, perhaps after having left."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    again = {name: value for name, value in row.items() if name not in {"conversation_id", "user_id", "org"}}
    statement = dialect.insert(participants).values(row)
    keys = ["conversation_id", "user_id"]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=again | {"left_at": None}))


def let_go(connection: Connection, conversation_id: str, user_id: str, at: datetime) -> None:
    """Store that somebody left."""
    connection.execute(
        update(participants)
        .where(participants.c.conversation_id == conversation_id, participants.c.user_id == user_id)
        .values(left_at=at)
    )


def rename(connection: Connection, conversation_id: str, subject: str) -> None:
    """Store a new subject."""
    connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(subject=subject))


def mine(
    connection: Connection,
    *,
    org: str,
    user_id: str,
    patient_ids: Sequence[str] | None,
    only: Collection[str] | None = None,
    filtered: Iterable[ColumnElement[bool]] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Return the conversations somebody takes part in, newest activity first.

    `patient_ids` is None for staff; a portal account sees only patients it stands for, and no internal activity.
    """
    activity = STAFF_ACTIVITY if patient_ids is None else PORTAL_ACTIVITY
    query = (
        select(
            conversations,
            activity.label("activity"),
            patients.c.name.label("patient_name"),
            participants.c.joined_shared,
            participants.c.joined_internal,
        )
        .join(participants, participants.c.conversation_id == conversations.c.id)
        .outerjoin(patients, patients.c.id == conversations.c.patient_id)
        .where(participants.c.user_id == user_id, LASTS, conversations.c.org == org, *filtered)
        .order_by(activity.desc(), conversations.c.id.desc())
        .limit(limit)
    )
    if patient_ids is not None:
        query = query.where(conversations.c.patient_id.in_(patient_ids))
    if only is not None:
        query = query.where(conversations.c.id.in_(only))
    if before is not None:
        at, last = before
        query = query.where(or_(activity < at, and_(activity == at, conversations.c.id < last)))
    return connection.execute(query).all()


def of_kind(*kinds: Kind) -> ColumnElement[bool]:
    """Filter: conversations of these kinds."""
    return conversations.c.kind.in_(kinds)


def of_status(status: Status) -> ColumnElement[bool]:
    """Filter: open ones, or closed ones."""
    return conversations.c.status == status


def named(text: str) -> ColumnElement[bool]:
    """Filter: the text is part of the subject, the patient's name or a participant's name."""
    other = participants.alias("other")
    someone = (
        select(other.c.user_id)
        .join(accounts, accounts.c.id == other.c.user_id)
        .where(
            other.c.conversation_id == conversations.c.id, other.c.left_at.is_(None), _contains(accounts.c.name, text)
        )
    )
    return or_(_contains(conversations.c.subject, text), _contains(patients.c.name, text), someone.exists())


def _participation(row: Row[Any]) -> Participation:
    return Participation(
        conversation_id=row.conversation_id,
        user_id=row.user_id,
        kind=PersonKind(row.kind),
        role=Role(row.role),
        name=row.name,
        joined_at=row.joined_at,
        joined_shared=row.joined_shared,
        joined_internal=row.joined_internal,
    )


def _contains(what: Any, text: str) -> ColumnElement[bool]:  # noqa: ANN401 - a column of any kind
    return func.lower(what).contains(text.lower(), autoescape=True)


def subject_of(connection: Connection, conversation_id: str) -> str:
    """Return a conversation's subject; empty when it has none."""
    query = select(conversations.c.subject).where(conversations.c.id == conversation_id)
    return connection.execute(query).scalar() or ""
