"""Deleting what nobody needs any more."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from auth.tables import (
    browsers,
    changes,
    codes,
    failures,
    sessions,
    signing_keys,
)


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
