"""Marks: how far people have read and how far their devices have received. They only move forward.

* Many marks of many people are one commit, each accepted or refused by itself.
* Whoever may hear a stream is told when a mark in it moved; in large conversations only the person's own devices are.
* A mark beyond the head counts as the head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from conversations import audit, outbox
from conversations.model import Action, Audience, Parcel, Standing, StateType, Stream
from conversations.policy import require_entrance, require_hearing, require_member
from conversations.service.announcing import announce_to_oneself
from conversations.service.desk import Desk, Work, again_after_a_lost_race
from conversations.service.ledger import parcel_of
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import fence, marks, receipts
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
        self._desk = desk
        self._connection = connection
        self._org = org
        self._standings = store.standings(connection, org, {one.conversation_id for one in told})
        self._audiences = store.audiences(connection, self._standings)
        self._records: list[audit.Record] = []
        self._at = desk.now()

    def mark(self, told: Sequence[tuple[int, Reached]]) -> dict[int, Problem]:
        refused: dict[int, Problem] = {}
        kept: list[Reached] = []
        for place, one in told:
            try:
                if self._is_kept(one):
                    kept.append(one)
            except Problem as refusal:
                refused[place] = refusal
                self._record(one, refused=refusal.code)
        self._move(kept)
        return refused

    def _is_kept(self, one: Reached) -> bool:
        require_entrance(one.claims)
        audience = self._audiences.get(one.conversation_id, Audience())
        standing = require_member(one.claims, self._standings.get(one.conversation_id), audience)
        require_hearing(one.claims, standing, one.stream)
        return one.kind is StateType.READ or len(audience) <= HEARD_AT_MOST

    def _move(self, kept: Sequence[Reached]) -> None:
        keys = {(one.conversation_id, one.claims.user_id, one.stream) for one in kept}
        before = marks.held(self._connection, keys, org=self._org, at=self._at)
        now = dict(before)
        for one in kept:
            key = one.conversation_id, one.claims.user_id, one.stream
            moved = _moved(now[key], one, self._standings[one.conversation_id])
            if moved.read_seq > now[key].read_seq:
                self._record(one, last_seq=moved.read_seq)
            now[key] = moved
        marks.put(self._connection, [mark for key, mark in now.items() if mark != before[key]], self._at)
        steps = [(now[key], kind, seq) for key in before for kind, seq in _steps(before[key], now[key])]
        receipts.put(self._connection, steps, self._at)
        parcels = (self._parcel(*step) for step in steps)
        outbox.put(self._connection, [parcel for parcel in parcels if parcel is not None])
        audit.write(self._connection, self._records)
        for one in kept:
            key = one.conversation_id, one.claims.user_id, one.stream
            if before[key].unread_from is not None and now[key].unread_from is None:
                self._count_again(one)

    def _count_again(self, one: Reached) -> None:
        """Tell a person's other devices what is unread, now that what was kept unread is read."""
        work = Work(connection=self._connection, claims=one.claims, at=self._at, new_id=self._desk.new_id)
        announce_to_oneself(work, one.conversation_id, self._audiences[one.conversation_id])
        work.finish()

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

    def _parcel(self, mark: Mark, kind: StateType, seq: int) -> Parcel | None:
        audience = self._audiences[mark.conversation_id].may_hear(mark.stream)
        if len(self._audiences[mark.conversation_id]) > HEARD_AT_MOST:
            audience = audience.among({mark.user_id})
        body = {"conversation_id": mark.conversation_id, "user_id": mark.user_id, "stream": mark.stream, "seq": seq}
        return parcel_of(self._desk.new_id(), self._org, kind, body, audience)


def _steps(before: Mark, now: Mark) -> Iterator[tuple[StateType, int]]:
    if now.delivered_seq > before.delivered_seq:
        yield StateType.DELIVERED, now.delivered_seq
    if now.read_seq > before.read_seq:
        yield StateType.READ, now.read_seq


def _moved(before: Mark, one: Reached, standing: Standing) -> Mark:
    seq = min(one.seq, standing.head(one.stream))
    if one.kind is StateType.READ:
        return replace(before, read_seq=max(before.read_seq, seq), unread_from=None)
    return replace(before, delivered_seq=max(before.delivered_seq, seq))
