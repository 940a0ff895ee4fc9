"""The tables, for PostgreSQL and SQLite alike; the migrations hold the database to them.

* Every row carries its organisation; on PostgreSQL a row-level policy compares it with `app.org` (see 0002_fences).
* `entries` has no holes: `seq` is the next one of its conversation's stream, taken under that conversation's row lock.
* `outbox.id` is taken under the same lock, so within one conversation ids ascend in commit order.
* Unread counts are stored nowhere; they are counted from `messages` and `marks`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR, UUID

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# A UUID: native on PostgreSQL, its 36 characters elsewhere; a `str` in Python either way.
Id = String(36).with_variant(UUID(as_uuid=False), "postgresql")
Number = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# ---- the directory: who there is. Fed from auth and from the clinic's patient records.

organisations = Table(
    "organisations",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
)

accounts = Table(
    "accounts",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, ForeignKey("organisations.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=true()),
    # May somebody write to them: staff holding pf.messaging.view, every patient account.
    Column("may_message", Boolean, nullable=False, server_default=true()),
    # A JSON list of keys, as auth told last; a hint for others' views. Decisions use the token's own list.
    Column("permissions", Text, nullable=False, server_default="[]"),
    # Position of the auth change this row was written from; null when it came from a token.
    Column("auth_position", BigInteger),
    CheckConstraint("kind IN ('staff', 'patient')", name="kind"),
    Index(
        "ix_accounts_staff",
        "org",
        "name",
        postgresql_where=text("kind = 'staff'"),
        sqlite_where=text("kind = 'staff'"),
    ),
)

# The patients an account stands for, its own first (position 0). No key to patients: records may come later.
stands_for = Table(
    "stands_for",
    METADATA,
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("patient_id", Id, primary_key=True),
    Column("org", Id, nullable=False),
    Column("position", Integer, nullable=False, server_default="0"),
    Index("ix_stands_for_patient_id", "patient_id"),
)

patients = Table(
    "patients",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, ForeignKey("organisations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("birth_date", Date),
    Column("identifiers", Text, nullable=False, server_default="[]"),
    Index("ix_patients_org_name", "org", "name"),
)

# The staff recorded as caring for a patient. No key to accounts: auth may tell of them later.
care_team = Table(
    "care_team",
    METADATA,
    Column("patient_id", Id, ForeignKey("patients.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Id, primary_key=True),
    Column("org", Id, nullable=False),
)

# ---- conversations and what was said in them.

conversations = Table(
    "conversations",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, ForeignKey("organisations.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("status", String(10), nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("patient_id", Id, ForeignKey("patients.id")),
    Column("opened_by", Id, ForeignKey("accounts.id"), nullable=False),
    # client_message_id of the first message: makes opening repeatable.
    Column("opening_key", Id),
    # The two ids of a direct conversation, sorted: there is one for any two people.
    Column("direct_key", String(80)),
    Column("head_shared", BigInteger, nullable=False, server_default="0"),
    Column("head_internal", BigInteger, nullable=False, server_default="0"),
    # When each stream last moved. Two columns, so that an internal entry moves nothing a patient can see.
    Column("shared_at", Instant, nullable=False),
    Column("internal_at", Instant),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("kind IN ('direct', 'group', 'patient')", name="kind"),
    CheckConstraint("status IN ('open', 'closed')", name="status"),
    UniqueConstraint("opened_by", "opening_key"),
    # On SQLite a constraint of the same columns; migration 0012 tells why it is partial.
    Index(
        "uq_conversations_direct_key",
        "org",
        "direct_key",
        unique=True,
        postgresql_where=text("direct_key IS NOT NULL"),
    ),
    Index("ix_conversations_patient_id", "patient_id"),
)

participants = Table(
    "participants",
    METADATA,
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("org", Id, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("role", String(10), nullable=False),
    Column("joined_at", Instant, nullable=False),
    # The heads just before the person joined.
    Column("joined_shared", BigInteger, nullable=False, server_default="0"),
    Column("joined_internal", BigInteger, nullable=False, server_default="0"),
    Column("left_at", Instant),
    Index("ix_participants_user_id", "user_id"),
)

entries = Table(
    "entries",
    METADATA,
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("stream", String(10), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("org", Id, nullable=False),
    Column("type", String(30), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor_id", Id, nullable=False),
    Column("message_id", Id),
    # message.edited: which version of the message this entry brought.
    Column("version", Integer),
    # participant.*: who.
    Column("user_id", Id),
    # conversation.renamed: the new subject.
    Column("subject", Text),
    CheckConstraint("stream IN ('shared', 'internal')", name="stream"),
    CheckConstraint("seq > 0", name="seq"),
)

messages = Table(
    "messages",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, nullable=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    Column("stream", String(10), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("author_id", Id, nullable=False),
    Column("client_message_id", Id, nullable=False),
    # Of stream, reply_to and body as first posted: tells a repeat from another message under a used id.
    Column("digest", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("reply_to", Id),
    Column("mentions", Text, nullable=False, server_default="[]"),
    Column("priority", String(10), nullable=False, server_default="normal"),
    Column("ask_acknowledgement", Boolean, nullable=False),
    Column("posted_at", Instant, nullable=False),
    Column("edited_at", Instant),
    Column("recalled_at", Instant),
    # When those who had not acknowledged it were last reminded.
    Column("reminded_at", Instant),
    # Of a forwarded message, where it came from, as JSON (`service.shapes.origin`); null for all others.
    Column("forwarded", Text),
    # What it shows of its files, as a JSON list (`service.shapes.attachment`); null for the many without any.
    Column("attachments", Text),
    UniqueConstraint("client_message_id", "author_id", "conversation_id"),
    Index(
        "ix_messages_conversation_id_stream_seq",
        "conversation_id",
        "stream",
        "seq",
        unique=True,
        postgresql_include=["author_id", "recalled_at", "org"],
    ),
    # Searching goes from the newest back.
    Index("ix_messages_posted_at_id", "posted_at", "id"),
    Index(
        "ix_messages_mentioning",
        "posted_at",
        "id",
        postgresql_where=text("mentions <> '[]'"),
        sqlite_where=text("mentions <> '[]'"),
    ),
    Index(
        "ix_messages_with_files",
        "posted_at",
        "id",
        postgresql_where=text("attachments IS NOT NULL"),
        sqlite_where=text("attachments IS NOT NULL"),
    ),
)

# The words of each message that was not recalled (`wire.words`); what they are found by is made in migration 0010.
# SQLite's triggers keep them; on PostgreSQL they are gathered a moment later (`conversations.indexing`).
searchable = Table(
    "searchable",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("message_id", Id, nullable=False, unique=True),
    Column("org", Id, nullable=False),
    Column("words", Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
    Index("ix_searchable_words", "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
)

# Messages whose words are to be looked at again, some twice; on PostgreSQL only, filled by its triggers.
search_queue = Table(
    "search_queue",
    METADATA,
    Column("message_id", Id, nullable=False),
    Column("org", Id, nullable=False),
)

# Every body an edited message has had, the first included; written with the first edit.
message_versions = Table(
    "message_versions",
    METADATA,
    Column("message_id", Id, ForeignKey("messages.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("org", Id, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Files: uploaded first, posted with a message later. No key to messages: a file is claimed in the statement before.
attachments = Table(
    "attachments",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, nullable=False),
    Column("uploader_id", Id, nullable=False),
    # Where it was posted; null until then.
    Column("conversation_id", Id),
    Column("stream", String(10)),
    Column("seq", BigInteger),
    Column("message_id", Id),
    Column("position", Integer),
    # Where its bytes lie in the storage; a file that was forwarded lies where the first one does.
    Column("place", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("media_type", String(100), nullable=False, server_default=""),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("width", Integer),
    Column("height", Integer),
    # SHA-256 of the stored bytes, in hex.
    Column("digest", String(64), nullable=False, server_default=""),
    Column("has_thumbnail", Boolean, nullable=False, server_default=false()),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("state IN ('arriving', 'ready', 'leaving')", name="state"),
    Index("ix_attachments_conversation_id_stream_seq", "conversation_id", "stream", "seq", "position"),
    Index(
        "ix_attachments_unposted",
        "created_at",
        postgresql_where=text("message_id IS NULL"),
        sqlite_where=text("message_id IS NULL"),
    ),
    Index(
        "ix_attachments_unposted_of",
        "uploader_id",
        postgresql_where=text("message_id IS NULL"),
        sqlite_where=text("message_id IS NULL"),
    ),
)

marks = Table(
    "marks",
    METADATA,
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("user_id", Id, primary_key=True),
    Column("stream", String(10), primary_key=True),
    Column("org", Id, nullable=False),
    Column("read_seq", BigInteger, nullable=False, server_default="0"),
    Column("delivered_seq", BigInteger, nullable=False, server_default="0"),
    Column("at", Instant, nullable=False),
    # From which entry on the person wants to have read nothing, until they next read there; null when they do not.
    Column("unread_from", BigInteger),
)

# When marks moved, where it is kept who had read what when: the time of a message is that of the first move past it.
mark_moves = Table(
    "mark_moves",
    METADATA,
    Column("conversation_id", Id, primary_key=True),
    Column("user_id", Id, primary_key=True),
    Column("stream", String(10), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("org", Id, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('read', 'delivered')", name="kind"),
)

# Who acknowledged a message that asked for it, and the entry that says so.
acknowledgements = Table(
    "acknowledgements",
    METADATA,
    Column("message_id", Id, ForeignKey("messages.id"), primary_key=True),
    Column("user_id", Id, primary_key=True),
    Column("org", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
)

# ---- what is one person's own, and nobody else's business.

preferences = Table(
    "preferences",
    METADATA,
    Column("user_id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("org", Id, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("notify", String(10), nullable=False, server_default="all"),
    # The heads at which it was archived: what is posted after them brings it back. Null when it is not archived.
    Column("archived_shared", BigInteger),
    Column("archived_internal", BigInteger),
    CheckConstraint("notify IN ('all', 'mentions', 'none')", name="notify"),
)

drafts = Table(
    "drafts",
    METADATA,
    Column("user_id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("stream", String(10), primary_key=True),
    Column("org", Id, nullable=False),
    Column("body", Text, nullable=False),
    # The stream's head when it was kept: what its author posted after that may have been this draft.
    Column("head", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# ---- who is told on their devices that something is new.

push_subscriptions = Table(
    "push_subscriptions",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("org", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("plane", String(10), nullable=False),
    # With this session it ends.
    Column("session_id", Text, nullable=False),
    # Where its push service takes notices; whoever knows it could send some, so it is shown to nobody else.
    Column("endpoint", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("org", "digest"),
    Index("ix_push_subscriptions_user_id", "user_id"),
    Index("ix_push_subscriptions_session_id", "session_id"),
)

# The messages of which people were told; each once on each plane, whichever gateway asked first.
push_notices = Table(
    "push_notices",
    METADATA,
    Column("message_id", Id, primary_key=True),
    Column("plane", String(10), primary_key=True),
    Column("org", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_push_notices_org_at", "org", "at"),
)

# ---- what leaves, and what stays on the record.

outbox = Table(
    "outbox",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("org", Id, nullable=False),
    Column("type", String(30), nullable=False),
    # One encoded event each, for its plane's audience only; null where that plane hears nothing.
    Column("staff", Text),
    Column("portal", Text),
    # The service may add rows and read none, so no INSERT may ask for its id back.
    implicit_returning=False,
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("org", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("session_id", Text),
    Column("plane", String(10), nullable=False),
    Column("action", String(30), nullable=False),
    # The problem's code; null when it was allowed.
    Column("refused", String(30)),
    Column("conversation_id", Id),
    # The message or person it was about.
    Column("subject_id", Id),
    Column("stream", String(10)),
    Column("first_seq", BigInteger),
    Column("last_seq", BigInteger),
    # The service may add rows and read none, so no INSERT may ask for its id back.
    implicit_returning=False,
    sqlite_autoincrement=True,
)
