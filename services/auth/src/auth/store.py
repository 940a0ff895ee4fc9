"""Every query of auth, each on a connection whose transaction the caller holds.

Locks are taken in one order: account, then session, then the counter of changes. On SQLite a transaction is the lock.
The position of a change is taken under the counter's row lock and kept to the commit, so positions have no holes and
follow the order of the commits: whoever reads position n has been able to read all before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from auth.model import Account, Browser, Code, Failures, Kind, Organisation, RefreshToken, Session, StoredKey
from auth.tables import (
    accounts,
    browsers,
    changes,
    codes,
    counters,
    failures,
    organisations,
    refresh_tokens,
    sessions,
    signing_keys,
)
from wire.changes import Change
from wire.claims import Plane

# Organisations and accounts


def add_organisation(connection: Connection, organisation: Organisation) -> None:
    """Store the organisation; one that is there stays as it is."""
    connection.execute(_unless_there(connection, organisations, "id", asdict(organisation)))


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
    adding = _unless_there(connection, accounts, None, _columns(new)).returning(accounts.c.id)
    return connection.execute(adding).first() is not None


def change_account(connection: Connection, changed: Account) -> None:
    """Store the account as it is now."""
    connection.execute(update(accounts).where(accounts.c.id == changed.id).values(_columns(changed)))


# Wrong passwords


def failures_of(connection: Connection, email_seal: str, now: datetime) -> Failures:
    """Return the count for an e-mail address, locked; the row is made when there is none, known address or not."""
    fresh = {"email_seal": email_seal, "count": 0, "locked_until": None, "last_at": now}
    connection.execute(_unless_there(connection, failures, "email_seal", fresh))
    query = select(failures.c.count, failures.c.locked_until).where(failures.c.email_seal == email_seal)
    return Failures(**connection.execute(query.with_for_update()).mappings().one())


def set_failures(connection: Connection, email_seal: str, found: Failures, now: datetime) -> None:
    """Store the count for an e-mail address."""
    values = {"count": found.count, "locked_until": found.locked_until, "last_at": now}
    connection.execute(update(failures).where(failures.c.email_seal == email_seal).values(values))


# Browsers, codes, sessions, refresh tokens


def add_browser(connection: Connection, browser: Browser, cookie_hash: str) -> None:
    """Store a sign-in at the page and the hash of its cookie."""
    connection.execute(insert(browsers).values(asdict(browser) | {"cookie_hash": cookie_hash}))


def browser(connection: Connection, browser_id: str) -> Browser | None:
    """Return the sign-in, ended or not."""
    return _browser(connection.execute(select(browsers).where(browsers.c.id == browser_id)).mappings().first())


def browser_by_cookie(connection: Connection, cookie_hash: str) -> Browser | None:
    """Return the sign-in that a cookie stands for."""
    query = select(browsers).where(browsers.c.cookie_hash == cookie_hash)
    return _browser(connection.execute(query).mappings().first())


def end_browser(connection: Connection, browser_id: str, now: datetime) -> None:
    """End a sign-in; ending it again changes nothing."""
    ended = update(browsers).where(browsers.c.id == browser_id, browsers.c.ended_at.is_(None))
    connection.execute(ended.values(ended_at=now))


def add_code(connection: Connection, code: Code) -> None:
    """Store an authorization code."""
    connection.execute(insert(codes).values(asdict(code)))


def code(connection: Connection, code_hash: str) -> Code | None:
    """Return the code, used or not."""
    row = connection.execute(select(codes).where(codes.c.code_hash == code_hash)).mappings().first()
    return Code(**row) if row else None


def use_code(connection: Connection, code_hash: str, now: datetime) -> bool:
    """Mark the code as used; False when somebody was faster."""
    used = update(codes).where(codes.c.code_hash == code_hash, codes.c.used_at.is_(None)).values(used_at=now)
    return connection.execute(used).rowcount == 1


def add_session(connection: Connection, session: Session) -> None:
    """Store a session."""
    connection.execute(insert(sessions).values(asdict(session)))


def session(connection: Connection, session_id: str, *, lock: bool = False) -> Session | None:
    """Return the session, ended or not."""
    query = select(sessions).where(sessions.c.id == session_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return _session(row) if row else None


def touch_session(connection: Connection, session_id: str, now: datetime) -> None:
    """Note that the session was used."""
    connection.execute(update(sessions).where(sessions.c.id == session_id).values(last_used_at=now))


def end_session(connection: Connection, session_id: str, now: datetime) -> bool:
    """End the session; False when it had ended before."""
    ended = update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None)).values(ended_at=now)
    return connection.execute(ended).rowcount == 1


def sessions_of_browser(connection: Connection, browser_id: str) -> list[Session]:
    """Return the sessions opened through one sign-in that have not ended."""
    query = select(sessions).where(sessions.c.browser_id == browser_id, sessions.c.ended_at.is_(None))
    return [_session(row) for row in connection.execute(query.order_by(sessions.c.id)).mappings()]


def end_all_of(connection: Connection, account_id: str, now: datetime) -> None:
    """End every session and every browser's sign-in of one person."""
    for table in (sessions, browsers):
        mine = update(table).where(table.c.account_id == account_id, table.c.ended_at.is_(None))
        connection.execute(mine.values(ended_at=now))


def add_refresh_token(connection: Connection, token: RefreshToken) -> None:
    """Store the hash of a refresh token."""
    connection.execute(insert(refresh_tokens).values(asdict(token)))


def refresh_token(connection: Connection, token_hash: str) -> RefreshToken | None:
    """Return the refresh token, used or not."""
    row = connection.execute(select(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash)).mappings().first()
    return RefreshToken(**row) if row else None


def use_refresh_token(connection: Connection, token_hash: str, now: datetime) -> bool:
    """Mark the refresh token as used; False when it was used before."""
    used = update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash, refresh_tokens.c.used_at.is_(None))
    return connection.execute(used.values(used_at=now)).rowcount == 1


# Signing keys


def lock_keys(connection: Connection) -> None:
    """Make signing keys alone: others wait until the transaction ends."""
    connection.execute(update(counters).where(counters.c.name == "signing_keys").values(value=counters.c.value + 1))


def keys(connection: Connection) -> list[StoredKey]:
    """Return every stored key, oldest first."""
    query = select(signing_keys).order_by(signing_keys.c.created_at, signing_keys.c.kid)
    return [StoredKey(**row) for row in connection.execute(query).mappings()]


def add_key(connection: Connection, key: StoredKey) -> None:
    """Store a signing key."""
    connection.execute(insert(signing_keys).values(asdict(key)))


def end_keys(connection: Connection, kids: Sequence[str], at: datetime) -> None:
    """Say until when keys are published."""
    connection.execute(update(signing_keys).where(signing_keys.c.kid.in_(kids)).values(ends_at=at))


# The log of changes


def next_position(connection: Connection) -> int:
    """Return the next change's position; nobody else gets one until this transaction ends."""
    step = update(counters).where(counters.c.name == "changes").values(value=counters.c.value + 1)
    return int(connection.execute(step.returning(counters.c.value)).scalar_one())


def head(connection: Connection) -> int:
    """Return the position of the newest change."""
    return int(connection.execute(select(counters.c.value).where(counters.c.name == "changes")).scalar_one())


def add_change(connection: Connection, change: Change, at: datetime) -> None:
    """Store a change under the position it holds."""
    connection.execute(insert(changes).values(position=change.position, at=at, body=change.as_dict()))


def changes_after(connection: Connection, position: int, limit: int) -> list[dict[str, Any]]:
    """Return the changes that follow a position, in order."""
    query = select(changes.c.body).where(changes.c.position > position).order_by(changes.c.position).limit(limit)
    return list(connection.execute(query).scalars())


def changes_since(connection: Connection, since: datetime, up_to: int) -> list[dict[str, Any]]:
    """Return the changes since a moment, in order, none beyond the position `up_to`."""
    query = select(changes.c.body).where(changes.c.at >= since, changes.c.position <= up_to)
    return list(connection.execute(query.order_by(changes.c.position)).scalars())


# What nobody needs any more


def sweep(connection: Connection, *, now: datetime, ended_before: datetime, changes_before: datetime) -> None:
    """Delete what has ended long ago: codes, sessions, sign-ins, locks, keys, old changes."""
    connection.execute(delete(codes).where(codes.c.expires_at < ended_before))
    connection.execute(delete(sessions).where(sessions.c.expires_at < ended_before))
    still_used = select(sessions.c.browser_id).where(sessions.c.browser_id.is_not(None))
    connection.execute(
        delete(browsers).where(
            browsers.c.expires_at < ended_before,
            browsers.c.id.not_in(still_used),
            browsers.c.id.not_in(select(codes.c.browser_id)),
        )
    )
    connection.execute(delete(failures).where(failures.c.last_at < ended_before))
    connection.execute(delete(signing_keys).where(signing_keys.c.ends_at < now))
    connection.execute(delete(changes).where(changes.c.at < changes_before))


def _accounts() -> Select[Any]:
    return select(accounts, organisations.c.name.label("org_name")).join(organisations)


def _account(row: RowMapping) -> Account:
    lists = {"permissions": tuple(row["permissions"]), "patients": tuple(row["patients"])}
    return Account(**dict(row) | lists | {"kind": Kind(row["kind"])})


def _browser(row: RowMapping | None) -> Browser | None:
    if row is None:
        return None
    values = {name: value for name, value in row.items() if name != "cookie_hash"}
    return Browser(**values | {"plane": Plane(row["plane"])})


def _session(row: RowMapping) -> Session:
    return Session(**dict(row) | {"plane": Plane(row["plane"])})


def _columns(of: Account) -> dict[str, Any]:
    values = asdict(of) | {"permissions": list(of.permissions), "patients": list(of.patients)}
    del values["org_name"]
    return values


def _unless_there(connection: Connection, table: Any, key: str | None, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the two dialects' statements share no type
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).values(values).on_conflict_do_nothing(index_elements=[key] if key else None)
