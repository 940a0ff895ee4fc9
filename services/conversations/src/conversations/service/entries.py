"""Entries as they show today, with what belongs to their messages: who acknowledged them, where they came from.

* It is looked up only where a page holds a message that may have it, so a plain page costs nothing more.
* Where a message was forwarded from is for staff alone: whoever forgets to say who looks shows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from conversations.model import EntryType, Origin
from conversations.service import shapes
from conversations.service.shapes import Shape
from conversations.store import acknowledgements, origins
from wire.claims import Plane


def shown(connection: Connection, rows: Iterable[Row[Any]], *, plane: Plane = Plane.PORTAL) -> list[Shape]:
    """Return stored entries as they show today on a plane, in the same order."""
    found = list(rows)
    posted = [row for row in found if row.type == EntryType.POSTED]
    acknowledged = acknowledgements.of(connection, [row.message_id for row in posted if row.ask_acknowledgement])
    came_from = _origins(connection, posted) if plane is Plane.STAFF else {}
    return [shapes.entry_of(row, acknowledged.get(row.message_id, ()), came_from.get(row.message_id)) for row in found]


def shown_one(connection: Connection, row: Row[Any], *, plane: Plane = Plane.PORTAL) -> Shape:
    """Return one stored entry as it shows today on a plane."""
    return shown(connection, [row], plane=plane)[0]


def _origins(connection: Connection, posted: Sequence[Row[Any]]) -> Mapping[str, Origin]:
    """Return by message where it was forwarded from; one that was recalled no longer says so."""
    kept = {row.message_id: row.forwarded for row in posted if row.forwarded is not None and row.recalled_at is None}
    return origins.read(connection, posted[0].org, kept) if kept else {}
