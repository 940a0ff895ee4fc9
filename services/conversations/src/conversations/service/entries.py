"""Entries as they show today, with what belongs to their messages: who acknowledged them.

It is looked up only where a page holds a message that may have it, so a plain page costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row

from conversations.model import EntryType
from conversations.service import shapes
from conversations.service.shapes import Shape
from conversations.store import acknowledgements


def shown(connection: Connection, rows: Iterable[Row[Any]]) -> list[Shape]:
    """Return stored entries as they show today, in the same order."""
    found = list(rows)
    posted = [row for row in found if row.type == EntryType.POSTED]
    acknowledged = acknowledgements.of(connection, [row.message_id for row in posted if row.ask_acknowledgement])
    return [shapes.entry_of(row, acknowledged.get(row.message_id, ())) for row in found]


def shown_one(connection: Connection, row: Row[Any]) -> Shape:
    """Return one stored entry as it shows today."""
    return shown(connection, [row])[0]
