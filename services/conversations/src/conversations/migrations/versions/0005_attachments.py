"""Attachments: what is known of each file, and beside each message a copy of what it shows of its files.

The bytes lie in a storage beside the database (`conversations.files.storage`). `messages.attachments` is null for the
many messages without files, so that reading and posting them costs what it did.

Cleaning removes what was uploaded and never posted, in every organisation: a transaction that says `app.sweeping`
sees those rows and no others beyond its fence.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)
ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"
SWEEPING = "(SELECT current_setting('app.sweeping', true) = 'on')"


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("uploader_id", ID, nullable=False),
        sa.Column("conversation_id", ID),
        sa.Column("stream", sa.String(10)),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("message_id", ID),
        sa.Column("position", sa.Integer()),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("media_type", sa.String(100), nullable=False, server_default=""),
        sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("digest", sa.String(64), nullable=False, server_default=""),
        sa.Column("has_thumbnail", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
        sa.CheckConstraint("state IN ('arriving', 'ready', 'leaving')", name=op.f("ck_attachments_state")),
    )
    op.create_index(
        "ix_attachments_conversation_id_stream_seq", "attachments", ["conversation_id", "stream", "seq", "position"]
    )
    unposted = sa.text("message_id IS NULL")
    op.create_index(
        "ix_attachments_unposted",
        "attachments",
        ["created_at"],
        postgresql_where=unposted,
        sqlite_where=unposted,
    )
    op.create_index(
        "ix_attachments_unposted_of",
        "attachments",
        ["uploader_id"],
        postgresql_where=unposted,
        sqlite_where=unposted,
    )
    op.add_column("messages", sa.Column("attachments", sa.Text(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        _fence()


def _fence() -> None:
    op.execute("ALTER TABLE attachments ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE attachments FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_organisation ON attachments USING (org = {ORG})")
    op.execute(f"CREATE POLICY sweeping ON attachments USING (message_id IS NULL AND {SWEEPING})")
    found = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'conversations'"))
    if found.first() is not None:
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON attachments TO conversations")
