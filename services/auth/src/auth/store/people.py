"""Organisations, accounts and wrong passwords."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, or_, select, update

from auth.model import Account, Failures, Kind, Organisation
from auth.store.insertion import unless_there
from auth.tables import (
    accounts,
    failures,
    organisations,
)


def add_organisation(connection: Connection, organisation: Organisation) -> None:
    """Store the organisation; one that is there stays as it is."""
    connection.execute(unless_there(connection, organisations, "id", asdict(organisation)))


def organisation(connection: Connection, organisation_id: str) -> Organisation | None:
    """Return the organisation, if there is one."""
    row = connection.execute(select(organisations).where(organisations.c.id == organisation_id)).mappings().first()
    return Organisation(**row) if row else None


def account(connection: Connection, account_id: str, *, lock: str = "") -> Account | None:
    """Return the account. With `lock` "share" or "change" nobody else changes it until the transaction ends."""
    query = _accounts().where(accounts.c.id == account_id)
    if lock:
        query = query.with_for_update(read=lock == "share", of=accounts)
    row = connection.execute(query).mappings().first()
    return _account(row) if row else None


def account_by_email(connection: Connection, email: str) -> Account | None:
    """Return the account that signs in with this cleaned e-mail address."""
    row = connection.execute(_accounts().where(accounts.c.email == email)).mappings().first()
    return _account(row) if row else None


def accounts_of(
    connection: Connection, org: str, *, after: str | None, limit: int, kind: str | None, q: str | None
) -> list[Account]:
    """Return an organisation's accounts by id, those that come `after` an id, whose name or e-mail holds `q`."""
    query = _accounts().where(accounts.c.org == org).order_by(accounts.c.id).limit(limit)
    if after:
        query = query.where(accounts.c.id > after)
    if kind:
        query = query.where(accounts.c.kind == kind)
    if q:
        query = query.where(
            or_(accounts.c.name.icontains(q, autoescape=True), accounts.c.email.icontains(q, autoescape=True))
        )
    return [_account(row) for row in connection.execute(query).mappings()]


def all_accounts(connection: Connection, *, after: str | None, limit: int) -> list[Account]:
    """Return the accounts of every organisation by id: for the other services' directories only."""
    query = _accounts().order_by(accounts.c.id).limit(limit)
    if after:
        query = query.where(accounts.c.id > after)
    return [_account(row) for row in connection.execute(query).mappings()]


def add_account(connection: Connection, new: Account) -> bool:
    """Store the account; False when its id or e-mail address is taken."""
    adding = unless_there(connection, accounts, None, _columns(new)).returning(accounts.c.id)
    return connection.execute(adding).first() is not None


def change_account(connection: Connection, changed: Account) -> None:
    """Store the account as it is now."""
    connection.execute(update(accounts).where(accounts.c.id == changed.id).values(_columns(changed)))


def failures_of(connection: Connection, email_seal: str, now: datetime) -> Failures:
    """Return the count for an e-mail address, locked; the row is made when there is none, known address or not."""
    fresh = {"email_seal": email_seal, "count": 0, "locked_until": None, "last_at": now}
    connection.execute(unless_there(connection, failures, "email_seal", fresh))
    query = select(failures.c.count, failures.c.locked_until).where(failures.c.email_seal == email_seal)
    return Failures(**connection.execute(query.with_for_update()).mappings().one())


def set_failures(connection: Connection, email_seal: str, found: Failures, now: datetime) -> None:
    """Store the count for an e-mail address."""
    values = {"count": found.count, "locked_until": found.locked_until, "last_at": now}
    connection.execute(update(failures).where(failures.c.email_seal == email_seal).values(values))


def _accounts() -> Select[Any]:
    return select(accounts, organisations.c.name.label("org_name")).join(organisations)


def _account(row: RowMapping) -> Account:
    lists = {"permissions": tuple(row["permissions"]), "patients": tuple(row["patients"])}
    return Account(**dict(row) | lists | {"kind": Kind(row["kind"])})


def _columns(of: Account) -> dict[str, Any]:
    values = asdict(of) | {"permissions": list(of.permissions), "patients": list(of.patients)}
    del values["org_name"]
    return values
