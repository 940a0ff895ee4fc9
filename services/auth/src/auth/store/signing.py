"""Signing keys."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from auth.model import StoredKey
from auth.tables import (
    counters,
    signing_keys,
)


def lock_keys(connection: Connection) -> None:
    """Make signing keys alone: others wait until the transaction ends."""
    connection.execute(update(counters).where(counters.c.name == "signing_keys").values(value=counters.c.value + 1))


def keys(connection: Connection) -> list[StoredKey]:
    """Return every stored key, oldest first."""
    query = select(signing_keys).order_by(signing_keys.c.created_at, signing_keys.c.kid)
    return [StoredKey(**row) for row in connection.execute(query).mappings()]


def add_key(connection: Connection, key: StoredKey) -> None:
    """Store a signing key."""
    connection.execute(insert(signing_keys).values(asdict(key)))


def end_keys(connection: Connection, kids: Sequence[str], at: datetime) -> None:
    """Say until when keys are published."""
    connection.execute(update(signing_keys).where(signing_keys.c.kid.in_(kids)).values(ends_at=at))
