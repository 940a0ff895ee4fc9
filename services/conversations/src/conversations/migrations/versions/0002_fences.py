"""Row-level security between organisations, and what the two database roles may do. PostgreSQL only.

Roles, made by whoever sets the database up (deploy/postgres), before this runs:

* `messages_owner` (any name) owns the tables and runs the migrations.
* `conversations`, the service: not owner, no BYPASSRLS; sees the rows of `app.org` only.
* `relay`: empties the outbox and feeds the directory, of every organisation; reads no conversation.

A role that does not exist is left out: a test database needs none. Policies are forced, so that a service
run by mistake as the owner is fenced in as well; a superuser is not.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DIRECTORY = ("organisations", "accounts", "stands_for", "patients", "care_team")
CONTENT = ("conversations", "participants", "entries", "messages", "message_versions", "marks")
LEAVING = ("outbox", "audit")

ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in (*DIRECTORY, *CONTENT, *LEAVING):
        column = "id" if table == "organisations" else "org"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_organisation ON {table} USING ({column} = {ORG})")
    if _exists("conversations"):
        _grant_service()
    if _exists("relay"):
        _grant_relay()
    # Rows that are updated over and over keep room beside them, so that an update touches no index.
    op.execute("ALTER TABLE conversations SET (fillfactor = 80)")
    op.execute("ALTER TABLE marks SET (fillfactor = 80)")


def _grant_service() -> None:
    op.execute("GRANT USAGE ON SCHEMA public TO conversations")
    for table in (*DIRECTORY, *CONTENT):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO conversations")
    op.execute("GRANT DELETE ON stands_for, care_team TO conversations")
    # What left cannot be called back, and the record cannot be rewritten.
    op.execute("GRANT INSERT ON outbox, audit TO conversations")
    op.execute("GRANT USAGE ON SEQUENCE outbox_id_seq, audit_id_seq TO conversations")
    op.execute("GRANT SELECT ON conversations_version TO conversations")


def _grant_relay() -> None:
    op.execute("GRANT USAGE ON SCHEMA public TO relay")
    op.execute("GRANT SELECT, DELETE ON outbox TO relay")
    op.execute("CREATE POLICY relay_empties ON outbox TO relay USING (true)")
    for table in DIRECTORY:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO relay")
        op.execute(f"CREATE POLICY relay_feeds ON {table} TO relay USING (true)")
    op.execute("GRANT SELECT ON conversations_version TO relay")


def _exists(role: str) -> bool:
    found = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    return found.first() is not None
