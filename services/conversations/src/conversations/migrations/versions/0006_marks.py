"""Who acknowledged what and who had read it when, what people prefer for themselves, and what they were writing.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(UUID(as_uuid=False), "postgresql")
MOMENT = sa.DateTime(timezone=True)

# What the service may do with each, beside looking.
TABLES = {
    "acknowledgements": "INSERT",
    "mark_moves": "INSERT",
    "preferences": "INSERT, UPDATE",
    "drafts": "INSERT, UPDATE, DELETE",
}

ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"


def upgrade() -> None:
    op.add_column("marks", sa.Column("unread_from", sa.BigInteger(), nullable=True))
    _told_by_people()
    _ones_own()
    if op.get_bind().dialect.name == "postgresql":
        _fence()


def _told_by_people() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_acknowledgements_message_id")),
        sa.PrimaryKeyConstraint("message_id", "user_id", name=op.f("pk_acknowledgements")),
    )
    op.create_table(
        "mark_moves",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("stream", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('read', 'delivered')", name=op.f("ck_mark_moves_kind")),
        sa.PrimaryKeyConstraint("conversation_id", "user_id", "stream", "kind", "seq", name=op.f("pk_mark_moves")),
    )


def _ones_own() -> None:
    op.create_table(
        "preferences",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("notify", sa.String(length=10), server_default="all", nullable=False),
        sa.Column("archived_shared", sa.BigInteger(), nullable=True),
        sa.Column("archived_internal", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("notify IN ('all', 'mentions', 'none')", name=op.f("ck_preferences_notify")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_preferences_conversation_id")),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "drafts",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("stream", sa.String(length=10), nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_drafts_conversation_id")),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "stream", name=op.f("pk_drafts")),
    )


def _fence() -> None:
    known = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'conversations'")).first()
    for table, may in TABLES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_organisation ON {table} USING (org = {ORG})")
        if known is not None:
            op.execute(f"GRANT SELECT, {may} ON {table} TO conversations")
