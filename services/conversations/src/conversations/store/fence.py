"""The second wall between organisations: PostgreSQL shows a transaction the rows of `app.org` only (migration 0002)."""

from __future__ import annotations

from sqlalchemy import Connection, text

from conversations.store.asked import KEEPING, KEPT, POSTGRESQL

ENTER = text("SELECT set_config('app.org', :org, true)")
ENTER_AND_KEEP = text(f"SELECT set_config('app.org', :org, true), {KEEPING}")


def enter(connection: Connection, org: str, *, keeping_plans: bool = False) -> None:
    """Confine the rest of this transaction to one organisation, or move it on to the next one.

    `keeping_plans` is for transactions that ask what is asked all the time (`asked.often`): planned once a connection.
    """
    if connection.dialect.name != POSTGRESQL:
        return
    connection.execute(ENTER_AND_KEEP if keeping_plans else ENTER, {"org": org})
    if keeping_plans:
        connection.execution_options(**{KEPT: True})
