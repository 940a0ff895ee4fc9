"""Marks: how far people have read and how far their devices have received. They only move forward.

* Many marks of many people are one commit, each accepted or refused by itself.
* Whoever may hear a stream is told when a mark in it moved; in large conversations only the person's own devices are.
* A mark beyond the head counts as the head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from conversations import audit, outbox
from conversations.model import Action, Audience, Parcel, Standing, StateType, Stream
from conversations.policy import require_entrance, require_hearing, require_member
from conversations.service.desk import Desk, again_after_a_lost_race
from conversations.service.ledger import parcel_of
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import fence, marks
from conversations.store.marks import Mark
from servicekit.database import transaction
from wire.claims import Claims
from wire.problems import Problem

HEARD_AT_MOST = 32
"""Participants beyond which marks are nobody else's business and deliveries are not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What somebody's device tells: read or received up to here."""

    claims: Claims
    kind: StateType
    conversation_id: str
    stream: Stream
    seq: int


class Marking:
    """Keeps marks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def mark(self, told: Sequence[Reached | Problem]) -> list[Shape]:
        """Return `{"ok": true}` or `{"problem"}` for each, in order, after the one commit."""
        groups: defaultdict[str, list[tuple[int, Reached]]] = defaultdict(list)
        results: list[Shape] = [
            {"ok": True} if isinstance(one, Reached) else {"problem": one.as_dict()} for one in told
        ]
        for place, one in enumerate(told):
            if isinstance(one, Reached):
                groups[one.claims.organisation_id].append((place, one))
        if groups:
            for place, refusal in again_after_a_lost_race(lambda: self._commit(groups)).items():
                results[place] = {"problem": refusal.as_dict()}
            self._desk.bell.ring()
        return results

    def _commit(self, groups: Mapping[str, list[tuple[int, Reached]]]) -> dict[int, Problem]:
        refused: dict[int, Problem] = {}
        with transaction(self._desk.engine) as connection:
            for org in sorted(groups):
                fence.enter(connection, org)
                refused |= _Group(self._desk, connection, org, [one for _, one in groups[org]]).mark(groups[org])
        return refused


class _Group:
    """The marks of one organisation."""

    def __init__(self, desk: Desk, connection: Connection, org: str, told: Sequence[Reached]) -> None:
        ids = {one.conversation_id for one in told}
        self._desk = desk
        self._connection = connection
        self._org = org
        self._standings = store.standings(connection, org, ids)
        self._audiences = store.audiences(connection, self._standings)
        self._before = marks.held(connection, ids, {one.claims.user_id for one in told})
        self._now = dict(self._before)
        self._records: list[audit.Record] = []
        self._at = desk.now()

    def mark(self, told: Sequence[tuple[int, Reached]]) -> dict[int, Problem]:
        refused: dict[int, Problem] = {}
        for place, one in told:
            try:
                self._mark(one)
            except Problem as refusal:
                refused[place] = refusal
                self._record(one, refused=refusal.code)
        self._save()
        return refused

    def _mark(self, one: Reached) -> None:
        require_entrance(one.claims)
        audience = self._audiences.get(one.conversation_id, Audience())
        standing = require_member(one.claims, self._standings.get(one.conversation_id), audience)
        require_hearing(one.claims, standing, one.stream)
        before = self._mark_of(one)
        now = _moved(before, one, standing)
        if now == before or (one.kind is StateType.DELIVERED and len(audience) > HEARD_AT_MOST):
            return
        self._now[now.key] = now
        if one.kind is StateType.READ:
            self._record(one, last_seq=now.read_seq)

    def _mark_of(self, one: Reached) -> Mark:
        fresh = Mark(org=self._org, conversation_id=one.conversation_id, user_id=one.claims.user_id, stream=one.stream)
        return self._now.get(fresh.key, fresh)

    def _record(self, one: Reached, *, refused: str | None = None, last_seq: int | None = None) -> None:
        self._records.append(
            audit.Record(
                claims=one.claims,
                at=self._at,
                action=Action.MARKED,
                refused=refused,
                conversation_id=one.conversation_id,
                stream=one.stream,
                last_seq=last_seq,
            )
        )

    def _save(self) -> None:
        moved = [mark for key, mark in self._now.items() if mark != self._before.get(key)]
        marks.put(self._connection, moved, self._at)
        parcels = [self._parcel(mark, kind, seq) for mark in moved for kind, seq in self._steps(mark)]
        outbox.put(self._connection, [parcel for parcel in parcels if parcel is not None])
        audit.write(self._connection, self._records)

    def _steps(self, mark: Mark) -> list[tuple[StateType, int]]:
        before = self._before.get(mark.key)
        steps = []
        if mark.delivered_seq > (before.delivered_seq if before else 0):
            steps.append((StateType.DELIVERED, mark.delivered_seq))
        if mark.read_seq > (before.read_seq if before else 0):
            steps.append((StateType.READ, mark.read_seq))
        return steps

    def _parcel(self, mark: Mark, kind: StateType, seq: int) -> Parcel | None:
        audience = self._audiences[mark.conversation_id].may_hear(mark.stream)
        if len(self._audiences[mark.conversation_id]) > HEARD_AT_MOST:
            audience = audience.among({mark.user_id})
        body = {"conversation_id": mark.conversation_id, "user_id": mark.user_id, "stream": mark.stream, "seq": seq}
        return parcel_of(self._desk.new_id(), self._org, kind, body, audience)


def _moved(before: Mark, one: Reached, standing: Standing) -> Mark:
    seq = min(one.seq, standing.head(one.stream))
    if one.kind is StateType.READ:
        return replace(before, read_seq=max(before.read_seq, seq))
    return replace(before, delivered_seq=max(before.delivered_seq, seq))
