"""Which browsers want to be told that something is new, and of which messages they were told.

Of a browser only the address is kept that its push service gave it: what is told holds nothing to encrypt.

Revision: 0009, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(UUID(as_uuid=False), "postgresql")
MOMENT = sa.DateTime(timezone=True)
ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"

# What the service may do with each, beside looking.
TABLES = {"push_subscriptions": "INSERT, UPDATE, DELETE", "push_notices": "INSERT, DELETE"}


def upgrade() -> None:
    op.create_table(
        "push_subscriptions",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("plane", sa.String(length=10), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscriptions")),
        sa.UniqueConstraint("org", "digest", name=op.f("uq_push_subscriptions_org_digest")),
    )
    op.create_index(op.f("ix_push_subscriptions_user_id"), "push_subscriptions", ["user_id"])
    op.create_index(op.f("ix_push_subscriptions_session_id"), "push_subscriptions", ["session_id"])
    op.create_table(
        "push_notices",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("plane", sa.String(length=10), nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "plane", name=op.f("pk_push_notices")),
    )
    op.create_index(op.f("ix_push_notices_org_at"), "push_notices", ["org", "at"])
    if op.get_bind().dialect.name == "postgresql":
        _fence()


def _fence() -> None:
    known = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'conversations'")).first()
    for table, may in TABLES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_organisation ON {table} USING (org = {ORG})")
        if known is not None:
            op.execute(f"GRANT SELECT, {may} ON {table} TO conversations")
