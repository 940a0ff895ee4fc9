"""Conversations and who takes part in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import Audience, Kind, Participation, PersonKind, Role, Standing, Status
from conversations.store.asked import among, often, planned_once, words
from conversations.tables import Id, Instant, accounts, conversations, participants, patients, stands_for
from wire.claims import Plane

LASTS = participants.c.left_at.is_(None)

# What makes a portal account stand for the patient its conversation is about.
STANDS_FOR_ITS_PATIENT = and_(
    stands_for.c.account_id == participants.c.user_id, stands_for.c.patient_id == conversations.c.patient_id
)
# With their account, their conversation and, on the patient's side, their standing.
WHOEVER_JOINED = (
    participants.join(accounts, accounts.c.id == participants.c.user_id)
    .join(conversations, conversations.c.id == participants.c.conversation_id)
    .outerjoin(stands_for, STANDS_FOR_ITS_PATIENT)
)
# Whoever joined, did not leave, has an active account and, on the patient's side, still stands for the patient.
TAKES_PART = and_(
    LASTS, accounts.c.active, or_(participants.c.kind == PersonKind.STAFF, stands_for.c.account_id.is_not(None))
)

ALL = 1_000_000_000
"""The limit of a list that wants none, so that its statement stays the same."""

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
    dialect = connection.dialect.name
    found = connection.execute(_standings(dialect, lock=lock), {"org": org, **words(dialect, "ids", ids)})
    return {row.id: standing(row) for row in found}


@cache
def _standings(dialect: str, *, lock: bool) -> Select[Any]:
    query = select(conversations).where(
        conversations.c.org == bindparam("org"), among(dialect, conversations.c.id, "ids")
    )
    query = query.order_by(conversations.c.id)
    return query.with_for_update(key_share=True) if lock else query


def part_of(connection: Connection, org: str, conversation_id: str, user_id: str) -> tuple[Standing, Audience] | None:
    """Return a conversation and, as its only audience, this person; None unless they take part in it."""
    given = {"org": org, "its_id": conversation_id, "its_user": user_id}
    rows = often(connection, PART, given)
    if not rows:
        return None
    row = rows[0]
    patient = row.part == PersonKind.PATIENT
    return standing(row), Audience(patients=(user_id,)) if patient else Audience(staff=(user_id,))


PART = (
    select(conversations, participants.c.kind.label("part"))
    .select_from(WHOEVER_JOINED)
    .where(conversations.c.org == bindparam("org"), participants.c.conversation_id == bindparam("its_id"))
    .where(participants.c.user_id == bindparam("its_user"), TAKES_PART)
)


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
    dialect = connection.dialect.name
    found: defaultdict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for conversation_id, user_id, kind in connection.execute(_audiences(dialect), words(dialect, "ids", ids)):
        found[conversation_id][kind == PersonKind.PATIENT].append(user_id)
    return {one: Audience(staff=tuple(staff), patients=tuple(heard)) for one, (staff, heard) in found.items()}


@cache
def _audiences(dialect: str) -> Select[Any]:
    query = select(participants.c.conversation_id, participants.c.user_id, participants.c.kind)
    query = query.select_from(WHOEVER_JOINED)
    query = query.where(among(dialect, participants.c.conversation_id, "ids"), TAKES_PART)
    return query.order_by(participants.c.user_id)


def participations(connection: Connection, ids: Collection[str]) -> dict[str, list[Participation]]:
    """Return everybody's part in each of these conversations, in the order they joined."""
    dialect = connection.dialect.name
    found: defaultdict[str, list[Participation]] = defaultdict(list)
    for row in often(connection, _participations(dialect), words(dialect, "ids", ids)):
        found[row.conversation_id].append(_participation(row))
    return found


@cache
def _participations(dialect: str) -> Select[Any]:
    return (
        select(participants, accounts.c.name)
        .select_from(WHOEVER_JOINED)
        .where(among(dialect, participants.c.conversation_id, "ids"), TAKES_PART)
        .order_by(participants.c.joined_at, participants.c.user_id)
    )


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
    filtered: Sequence[ColumnElement[bool]] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Return the conversations somebody takes part in, newest activity first.

    `patient_ids` is None for staff; a portal account sees only patients it stands for, and no internal activity.
    """
    dialect = connection.dialect.name
    query = _mine(dialect, portal=patient_ids is not None, some=only is not None, older=before is not None)
    given: dict[str, object] = {"org": org, "its_user": user_id, "at_most": ALL if limit is None else limit}
    if patient_ids is not None:
        given |= words(dialect, "patients", patient_ids)
    if only is not None:
        given |= words(dialect, "only", only)
    if before is not None:
        given |= {"before_at": before[0], "before_id": before[1]}
    return often(connection, query.where(*filtered) if filtered else query, given)


@cache
def _mine(dialect: str, *, portal: bool, some: bool, older: bool) -> Select[Any]:
    activity = PORTAL_ACTIVITY if portal else STAFF_ACTIVITY
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
        .where(participants.c.user_id == bindparam("its_user"), LASTS, conversations.c.org == bindparam("org"))
        .order_by(activity.desc(), conversations.c.id.desc())
        .limit(bindparam("at_most", type_=Integer()))
    )
    if portal:
        query = query.where(among(dialect, conversations.c.patient_id, "patients"))
    if some:
        query = query.where(among(dialect, conversations.c.id, "only"))
    if older:
        at, last = bindparam("before_at", type_=Instant()), bindparam("before_id", type_=Id)
        query = query.where(or_(activity < at, and_(activity == at, conversations.c.id < last)))
    return query


def whereabouts(
    connection: Connection, *, org: str, user_id: str, patient_ids: Sequence[str] | None
) -> Sequence[Row[Any]]:
    """Return the heads of the conversations somebody takes part in, and where they joined: `mine`, in brief."""
    dialect = connection.dialect.name
    given: dict[str, object] = {"org": org, "its_user": user_id}
    if patient_ids is not None:
        given |= words(dialect, "patients", patient_ids)
    return often(connection, _whereabouts(dialect, portal=patient_ids is not None), given)


@cache
def _whereabouts(dialect: str, *, portal: bool) -> Select[Any]:
    query = (
        select(
            *(conversations.c.id, conversations.c.head_shared, conversations.c.head_internal),
            *(participants.c.joined_shared, participants.c.joined_internal),
        )
        .join(participants, participants.c.conversation_id == conversations.c.id)
        .where(participants.c.user_id == bindparam("its_user"), LASTS, conversations.c.org == bindparam("org"))
    )
    return query.where(among(dialect, conversations.c.patient_id, "patients")) if portal else query


def tallies(connection: Connection, *, org: str, user_ids: Collection[str], plane: Plane) -> Sequence[Row[Any]]:
    """Return how many conversations each takes part in, and how many entries these hold on a plane.

    As in `whereabouts`, a portal account's are those about patients it stands for.
    """
    dialect = connection.dialect.name
    return planned_once(connection, _tallies(dialect, plane), {"org": org, **words(dialect, "people", user_ids)})


@cache
def _tallies(dialect: str, plane: Plane) -> Select[Any]:
    shared, internal = conversations.c.head_shared, conversations.c.head_internal
    held = shared + internal if plane is Plane.STAFF else shared
    query = (
        select(participants.c.user_id, func.count().label("conversations"), func.sum(held).label("entries"))
        .join(conversations, conversations.c.id == participants.c.conversation_id)
        .where(among(dialect, participants.c.user_id, "people"), LASTS, conversations.c.org == bindparam("org"))
        .group_by(participants.c.user_id)
    )
    return query.join(stands_for, STANDS_FOR_ITS_PATIENT) if plane is Plane.PORTAL else query


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
