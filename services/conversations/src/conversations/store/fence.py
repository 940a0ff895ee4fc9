"""The second wall between organisations: PostgreSQL shows a transaction the rows of `app.org` only (migration 0002)."""

from __future__ import annotations

from sqlalchemy import Connection, text

ENTER = text("SELECT set_config('app.org', :org, true)")


def enter(connection: Connection, org: str) -> None:
    """Confine the rest of this transaction to one organisation, or move it on to the next one."""
    if connection.dialect.name == "postgresql":
        connection.execute(ENTER, {"org": org})
