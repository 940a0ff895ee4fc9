"""The tables of auth, one set for PostgreSQL and SQLite. The migrations make them; `store` asks them.

Organisations of accounts, browsers and sessions are columns, not joins, so that every query can carry them.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware time in UTC, on SQLite too, which keeps no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC) if value else None


Id = Uuid(as_uuid=False)
metadata = MetaData()

organisations = Table(
    "organisations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org", Id, ForeignKey("organisations.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("title", Text),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("patients", JSON, nullable=False),
    Column("tokens_before", BigInteger),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("accounts_by_org", "org", "id"),
)

failures = Table(
    "sign_in_failures",
    metadata,
    Column("email_seal", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("locked_until", Moment),
    Column("last_at", Moment, nullable=False),
)

browsers = Table(
    "browsers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cookie_hash", String(64), nullable=False, unique=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("plane", String(16), nullable=False),
    Column("signed_in_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("browsers_by_account", "account_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("org", Id, nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("plane", String(16), nullable=False),
    Column("browser_id", Id, ForeignKey("browsers.id")),
    Column("scope", Text, nullable=False),
    Column("signed_in_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("sessions_by_account", "account_id"),
    Index("sessions_by_browser", "browser_id"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("session_id", Id, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("used_at", Moment),
    Index("refresh_tokens_by_session", "session_id"),
)

codes = Table(
    "authorization_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("browser_id", Id, ForeignKey("browsers.id"), nullable=False),
    Column("session_id", Id, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("nonce", Text),
    Column("challenge", String(128), nullable=False),
    Column("signed_in_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("public", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("signs_from", Moment, nullable=False),
    Column("ends_at", Moment),
)

changes = Table(
    "changes",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
    Index("changes_by_time", "at"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
