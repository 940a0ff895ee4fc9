"""The directory, the conversations with their logs, the outbox and the record.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(UUID(as_uuid=False), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _directory()
    _conversations()
    _record()


def _directory() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("may_message", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("permissions", sa.Text(), server_default="[]", nullable=False),
        sa.Column("auth_position", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('staff', 'patient')", name=op.f("ck_accounts_kind")),
        sa.ForeignKeyConstraint(["org"], ["organisations.id"], name=op.f("fk_accounts_org")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_org_kind_name", "accounts", ["org", "kind", "name"], unique=False)
    op.create_table(
        "stands_for",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_stands_for_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "patient_id", name=op.f("pk_stands_for")),
    )
    op.create_index("ix_stands_for_patient_id", "stands_for", ["patient_id"], unique=False)
    op.create_table(
        "patients",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("identifiers", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.id"], name=op.f("fk_patients_org")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
    )
    op.create_index("ix_patients_org_name", "patients", ["org", "name"], unique=False)
    op.create_table(
        "care_team",
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_care_team_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patient_id", "account_id", name=op.f("pk_care_team")),
    )


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("patient_id", ID, nullable=True),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("opening_key", ID, nullable=True),
        sa.Column("direct_key", sa.String(length=80), nullable=True),
        sa.Column("head_shared", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("head_internal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("shared_at", MOMENT, nullable=False),
        sa.Column("internal_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('direct', 'group', 'patient')", name=op.f("ck_conversations_kind")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_conversations_status")),
        sa.ForeignKeyConstraint(["opened_by"], ["accounts.id"], name=op.f("fk_conversations_opened_by")),
        sa.ForeignKeyConstraint(["org"], ["organisations.id"], name=op.f("fk_conversations_org")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_conversations_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("opened_by", "opening_key", name=op.f("uq_conversations_opened_by_opening_key")),
        sa.UniqueConstraint("org", "direct_key", name=op.f("uq_conversations_org_direct_key")),
    )
    op.create_index("ix_conversations_patient_id", "conversations", ["patient_id"], unique=False)
    op.create_table(
        "participants",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("joined_shared", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("joined_internal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_participants_conversation_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name=op.f("fk_participants_user_id")),
        sa.PrimaryKeyConstraint("conversation_id", "user_id", name=op.f("pk_participants")),
    )
    op.create_index("ix_participants_user_id", "participants", ["user_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("stream", sa.String(length=10), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.CheckConstraint("stream IN ('shared', 'internal')", name=op.f("ck_entries_stream")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_entries_seq")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_entries_conversation_id")),
        sa.PrimaryKeyConstraint("conversation_id", "stream", "seq", name=op.f("pk_entries")),
    )
    op.create_table(
        "messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("stream", sa.String(length=10), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("client_message_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("reply_to", ID, nullable=True),
        sa.Column("mentions", sa.Text(), server_default="[]", nullable=False),
        sa.Column("priority", sa.String(length=10), server_default="normal", nullable=False),
        sa.Column("ask_acknowledgement", sa.Boolean(), nullable=False),
        sa.Column("posted_at", MOMENT, nullable=False),
        sa.Column("edited_at", MOMENT, nullable=True),
        sa.Column("recalled_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_messages_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "conversation_id",
            "author_id",
            "client_message_id",
            name=op.f("uq_messages_conversation_id_author_id_client_message_id"),
        ),
    )
    op.create_index(
        "ix_messages_conversation_id_stream_seq",
        "messages",
        ["conversation_id", "stream", "seq"],
        unique=True,
        postgresql_include=["author_id", "recalled_at", "org"],
    )
    op.create_table(
        "message_versions",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_message_versions_message_id")),
        sa.PrimaryKeyConstraint("message_id", "version", name=op.f("pk_message_versions")),
    )
    op.create_table(
        "marks",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("stream", sa.String(length=10), nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("read_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("delivered_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_marks_conversation_id")),
        sa.PrimaryKeyConstraint("conversation_id", "user_id", "stream", name=op.f("pk_marks")),
    )


def _record() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("staff", sa.Text(), nullable=True),
        sa.Column("portal", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("plane", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("refused", sa.String(length=30), nullable=True),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("stream", sa.String(length=10), nullable=True),
        sa.Column("first_seq", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
