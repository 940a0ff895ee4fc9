"""Browsers, codes, sessions, refresh tokens."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from auth.model import Browser, Code, RefreshToken, Session
from auth.tables import (
    browsers,
    codes,
    refresh_tokens,
    sessions,
)
from wire.claims import Plane


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


def _browser(row: RowMapping | None) -> Browser | None:
    if row is None:
        return None
    values = {name: value for name, value in row.items() if name != "cookie_hash"}
    return Browser(**values | {"plane": Plane(row["plane"])})


def _session(row: RowMapping) -> Session:
    return Session(**dict(row) | {"plane": Plane(row["plane"])})
