"""What one person prefers about a conversation for themselves: pinned, which notices, put away.

Nobody else sees or hears of it; one's own devices are told. What was put away comes back by itself as soon as
something new stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from conversations.model import Action, StateType
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.service.showing import member_of
from conversations.store import conversations as store
from conversations.store import preferences
from wire.claims import Claims, Plane


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """What somebody wants different; None leaves it as it is."""

    pinned: bool | None = None
    notify: str | None = None
    archived: bool | None = None


class Preferring:
    """Keeps preferences."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def mine(self, claims: Claims) -> Shape:
        """Return the caller's preferences about the conversations they take part in."""
        return self._desk.do(claims, Action.PREFERENCES_READ, _mine)

    def prefer(self, claims: Claims, conversation_id: str, preferred: Preferred) -> Shape:
        """Change them about one conversation; returns how they are now."""
        return self._desk.do(
            claims,
            Action.PREFERRED,
            lambda work: _prefer(work, conversation_id, preferred),
            conversation_id=conversation_id,
        )


def _mine(work: Work) -> Shape:
    claims = work.claims
    here = store.whereabouts(
        work.connection,
        org=work.org,
        user_id=claims.user_id,
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
    )
    ids = {row.id for row in here}
    work.record(Action.PREFERENCES_READ)
    found = preferences.of(work.connection, claims.user_id)
    return {"items": [_shown(claims, row, row) for row in found if row.conversation_id in ids]}


def _prefer(work: Work, conversation_id: str, preferred: Preferred) -> Shape:
    standing, audience = member_of(work.connection, work.claims, conversation_id)
    changed: dict[str, object] = {}
    if preferred.pinned is not None:
        changed["pinned"] = preferred.pinned
    if preferred.notify is not None:
        changed["notify"] = preferred.notify
    if preferred.archived is not None:
        away = preferred.archived
        changed["archived_shared"] = standing.head_shared if away else None
        changed["archived_internal"] = standing.head_internal if away else None
    key = {"user_id": work.claims.user_id, "conversation_id": conversation_id, "org": work.org}
    shown = _shown(work.claims, preferences.put(work.connection, key, changed), standing)
    work.tell(StateType.PREFERENCE, shown, audience.among({work.claims.user_id}))
    work.record(Action.PREFERRED, conversation_id)
    return shown


def _shown(claims: Claims, row: Row[Any], heads: Any) -> Shape:  # noqa: ANN401 - a standing, or a row with its heads
    archived = row.archived_shared is not None and row.archived_shared >= heads.head_shared
    if claims.plane is Plane.STAFF:
        archived = archived and row.archived_internal >= heads.head_internal
    return {
        "conversation_id": row.conversation_id,
        "pinned": row.pinned,
        "notify": row.notify,
        "archived": archived,
    }
