"""Who there is: organisations, accounts, patients and care teams.

Written by the feed (`directory`), by imports and, for somebody the feed has not brought yet, from their verified token.
A name that auth told is never overwritten by a token's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import Person, PersonKind
from conversations.store.asked import among, often, words
from conversations.tables import accounts, care_team, organisations, patients, stands_for
from wire.changes import Account
from wire.claims import Claims, Plane
from wire.permissions import Permission

IS_KNOWN = select(accounts.c.id).where(accounts.c.id == bindparam("its_id"))
WITH_ORGANISATION = (
    select(accounts, organisations.c.name.label("organisation"))
    .outerjoin(organisations, organisations.c.id == accounts.c.org)
    .where(accounts.c.id == bindparam("its_id"), accounts.c.org == bindparam("org"))
)


def put_account(connection: Connection, account: Account, *, position: int | None) -> None:
    """Store an account as auth told it at `position`, unless a later change is stored already."""
    put_organisation(connection, account.org, account.org_name)
    staff = account.kind == PersonKind.STAFF
    row = {
        "id": account.id,
        "org": account.org,
        "kind": account.kind,
        "name": account.name,
        "title": account.title or "",
        "active": account.active,
        "may_message": not staff or Permission.VIEW in account.permissions,
        "permissions": orjson.dumps(sorted(account.permissions)).decode(),
        "auth_position": position,
    }
    statement = _insert(connection, accounts).values(row)
    newer = or_(accounts.c.auth_position.is_(None), accounts.c.auth_position <= (position or 0))
    written = connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=row, where=newer).returning(accounts.c.id)
    )
    if written.first() is not None:
        _put_stands_for(connection, account.org, account.id, account.patients)


def put_organisation(connection: Connection, org: str, name: str) -> None:
    """Store an organisation; an empty name never replaces a known one."""
    statement = _insert(connection, organisations).values(id=org, name=name)
    if not name:
        connection.execute(statement.on_conflict_do_nothing())
        return
    changed = organisations.c.name != name
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": name}, where=changed))


def put_patient(
    connection: Connection,
    *,
    patient_id: str,
    org: str,
    name: str,
    birth_date: date | None,
    identifiers: Sequence[Mapping[str, str]] = (),
) -> bool:
    """Store a patient's record as the clinic keeps it; False when the id is another organisation's patient.

    PostgreSQL 17 itself refuses the other organisation's row (row-level security); older ones pass over it.
    """
    row = {
        "id": patient_id,
        "org": org,
        "name": name,
        "birth_date": birth_date,
        "identifiers": orjson.dumps(list(identifiers)).decode(),
    }
    statement = _insert(connection, patients).values(row)
    same_clinic = patients.c.org == org
    stored = statement.on_conflict_do_update(index_elements=["id"], set_=row, where=same_clinic)
    return connection.execute(stored.returning(patients.c.id)).first() is not None


def put_care_team(connection: Connection, *, org: str, patient_id: str, staff_ids: Collection[str]) -> None:
    """Make these the staff recorded as caring for the patient."""
    connection.execute(delete(care_team).where(care_team.c.patient_id == patient_id, care_team.c.org == org))
    rows = [{"patient_id": patient_id, "account_id": one, "org": org} for one in sorted(staff_ids)]
    if rows:
        connection.execute(_insert(connection, care_team), rows)


def know(connection: Connection, claims: Claims) -> bool:
    """Make sure the bearer of a verified token is in the directory; tell whether they were already."""
    if connection.execute(IS_KNOWN, {"its_id": claims.user_id}).first() is not None:
        return True
    staff = claims.plane is Plane.STAFF
    put_organisation(connection, claims.organisation_id, "")
    row = {
        "id": claims.user_id,
        "org": claims.organisation_id,
        "kind": PersonKind.STAFF if staff else PersonKind.PATIENT,
        "name": claims.name,
        "may_message": not staff or claims.may(Permission.VIEW),
        "permissions": orjson.dumps(sorted(claims.permissions)).decode(),
    }
    connection.execute(_insert(connection, accounts).values(row).on_conflict_do_nothing())
    _put_stands_for(connection, claims.organisation_id, claims.user_id, claims.patients)
    return False


def people(connection: Connection, org: str, ids: Collection[str]) -> dict[str, Person]:
    """Return those of these people whom the organisation's directory knows."""
    dialect = connection.dialect.name
    rows = often(connection, _people(dialect), {"org": org, **words(dialect, "ids", ids)})
    return {row.id: _person(row) for row in rows}


@cache
def _people(dialect: str) -> Select[Any]:
    return select(accounts).where(accounts.c.org == bindparam("org"), among(dialect, accounts.c.id, "ids"))


def with_organisation(connection: Connection, org: str, user_id: str) -> tuple[Person, str] | None:
    """Return a person and the name of their organisation, empty while it is not known; None for nobody of it."""
    rows = often(connection, WITH_ORGANISATION, {"its_id": user_id, "org": org})
    return (_person(rows[0]), rows[0].organisation or "") if rows else None


def patient_name(connection: Connection, org: str, patient_id: str) -> str | None:
    """Return a patient's name, or None when the organisation has no such patient."""
    query = select(patients.c.name).where(patients.c.id == patient_id, patients.c.org == org)
    return connection.execute(query).scalar()


def patient(connection: Connection, org: str, patient_id: str) -> Row[Any] | None:
    """Return a patient's record, or None when the organisation has no such patient."""
    return connection.execute(select(patients).where(patients.c.id == patient_id, patients.c.org == org)).first()


def patients_named(connection: Connection, org: str, ids: Sequence[str]) -> list[dict[str, str]]:
    """Return `{id, name}` of those of these patients the organisation has, in the same order."""
    query = select(patients.c.id, patients.c.name).where(patients.c.id.in_(ids), patients.c.org == org)
    names = {row.id: row.name for row in connection.execute(query)}
    return [{"id": one, "name": names[one]} for one in ids if one in names]


def standing_for(connection: Connection, org: str, patient_id: str) -> list[tuple[Person, int]]:
    """Return the active portal accounts that stand for a patient, each with the patient's place in its list."""
    query = (
        select(accounts, stands_for.c.position)
        .join(stands_for, stands_for.c.account_id == accounts.c.id)
        .where(stands_for.c.patient_id == patient_id, accounts.c.org == org, accounts.c.active)
        .order_by(accounts.c.id)
    )
    return [(_person(row), row.position) for row in connection.execute(query)]


def caring_for(connection: Connection, org: str, patient_id: str) -> list[Person]:
    """Return the staff recorded as caring for a patient who can be written to."""
    query = (
        select(accounts)
        .join(care_team, care_team.c.account_id == accounts.c.id)
        .where(care_team.c.patient_id == patient_id, accounts.c.org == org)
        .where(accounts.c.active, accounts.c.may_message, accounts.c.kind == PersonKind.STAFF)
        .order_by(accounts.c.id)
    )
    return [_person(row) for row in connection.execute(query)]


def reachable_staff(connection: Connection, org: str, ids: Collection[str]) -> dict[str, Person]:
    """Return those of these staff who can be written to."""
    query = _reachable_staff(org).where(accounts.c.id.in_(ids))
    return {row.id: _person(row) for row in connection.execute(query)}


def search_staff(connection: Connection, org: str, text: str, limit: int) -> Sequence[Row[Any]]:
    """Return staff who can be written to, by part of a name or title."""
    query = _reachable_staff(org)
    if text:
        query = query.where(or_(_contains(accounts.c.name, text), _contains(accounts.c.title, text)))
    return connection.execute(query.order_by(func.lower(accounts.c.name), accounts.c.id).limit(limit)).all()


def search_patients(connection: Connection, org: str, text: str, limit: int) -> Sequence[Row[Any]]:
    """Return patients whom somebody reads for in the portal, by part of a name."""
    heard = select(stands_for.c.patient_id).join(accounts, accounts.c.id == stands_for.c.account_id)
    query = select(patients).where(patients.c.org == org, patients.c.id.in_(heard.where(accounts.c.active)))
    if text:
        query = query.where(_contains(patients.c.name, text))
    return connection.execute(query.order_by(func.lower(patients.c.name), patients.c.id).limit(limit)).all()


def _reachable_staff(org: str) -> Select[Any]:
    return select(accounts).where(
        accounts.c.org == org, accounts.c.kind == PersonKind.STAFF, accounts.c.active, accounts.c.may_message
    )


def _put_stands_for(connection: Connection, org: str, account_id: str, patient_ids: Sequence[str]) -> None:
    connection.execute(delete(stands_for).where(stands_for.c.account_id == account_id))
    rows = [
        {"account_id": account_id, "patient_id": patient_id, "org": org, "position": position}
        for position, patient_id in enumerate(dict.fromkeys(patient_ids))
    ]
    if rows:
        connection.execute(_insert(connection, stands_for), rows)


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        kind=PersonKind(row.kind),
        name=row.name,
        active=row.active,
        permissions=frozenset(orjson.loads(row.permissions)),
    )


def _contains(what: Any, text: str) -> Any:  # noqa: ANN401 - a column expression of any kind
    return func.lower(what).contains(text.lower(), autoescape=True)


def _insert(connection: Connection, table: Any) -> Any:  # noqa: ANN401 - the two dialects' inserts share no type
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
