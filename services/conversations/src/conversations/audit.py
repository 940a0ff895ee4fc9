"""The record: who did or was refused what, written in the transaction that did it.

It holds ids, positions and codes; never what somebody wrote. The service may add to it and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from conversations.model import Action, Stream
from conversations.tables import audit
from wire.claims import Claims

WRITE = insert(audit).inline()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the record; `refused` is a problem's code."""

    claims: Claims
    at: datetime
    action: Action
    refused: str | None = None
    conversation_id: str | None = None
    subject_id: str | None = None
    stream: Stream | None = None
    first_seq: int | None = None
    last_seq: int | None = None


def write(connection: Connection, records: Sequence[Record]) -> None:
    """Add lines to the record."""
    if records:
        connection.execute(WRITE, [row(record) for record in records])


def row(record: Record) -> dict[str, Any]:
    """Return a line of the record as its table keeps it."""
    return {
        "org": record.claims.organisation_id,
        "at": record.at,
        "user_id": record.claims.user_id,
        "session_id": record.claims.session_id,
        "plane": record.claims.plane,
        "action": record.action,
        "refused": record.refused,
        "conversation_id": record.conversation_id,
        "subject_id": record.subject_id,
        "stream": record.stream,
        "first_seq": record.first_seq,
        "last_seq": record.last_seq,
    }
