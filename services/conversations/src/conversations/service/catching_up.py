"""What somebody missed, from one snapshot: the entries after what they hold, the heads they then stand at.

* Gapless or said so: a stream that is too far behind is reset and contributes nothing.
* A conversation they hold and no longer take part in is gone.
* What they do not hold starts at its head, or where they joined it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Row

from conversations.model import Action, Stream
from conversations.policy import streams_of
from conversations.service.desk import Desk, Work, again_after_a_lost_race
from conversations.service.entries import shown
from conversations.service.reading import me_of
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import fence, timeline
from conversations.store.asked import Point
from servicekit.database import transaction
from wire.claims import Claims, Plane
from wire.frames import CATCH_UP_LIMIT

TOTAL_LIMIT = 10_000
"""Entries of all streams together beyond which the rest is reset: one answer stays of a bounded size."""

Positions = Mapping[str, Mapping[Stream, int]]
"""What somebody holds: the newest seq by conversation and stream."""


class Unlisted(StrEnum):
    """Where a conversation starts that somebody does not hold."""

    HEAD = "head"
    JOINED = "joined"


@dataclass(slots=True)
class _Plan:
    """What is to be read, and what is too much."""

    after: list[Point] = field(default_factory=list)
    resets: list[Shape] = field(default_factory=list)
    total: int = 0


class CatchingUp:
    """Tells people what they missed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def catch_up(self, claims: Claims, positions: Positions, unlisted: Unlisted, *, with_me: bool) -> Shape:
        """Return `entries`, `heads`, `resets` and `gone`, and `me` where asked: what a socket needs to begin."""

        def use_case(work: Work) -> Shape:
            me = {"me": me_of(work)} if with_me else {}
            return _catch_up(work, positions, unlisted) | me

        return self._desk.do(claims, Action.CAUGHT_UP, use_case, snapshot=True, often=True)

    def tallies(self, plane: Plane, people: Mapping[str, Collection[str]]) -> list[Shape]:
        """Return for people, by organisation, how many conversations they take part in and how many entries these hold.

        Whoever holds as many misses nothing, as a stream has no holes: a gateway that hears nothing asks this for all
        its sockets together. Who takes part in none is left out.
        """
        return [
            each
            for org, ids in people.items()
            for each in again_after_a_lost_race(partial(self._told, plane, org, ids))
        ]

    def _told(self, plane: Plane, org: str, ids: Collection[str]) -> list[Shape]:
        with transaction(self._desk.engine) as connection:
            fence.enter(connection, org)
            rows = store.tallies(connection, org=org, user_ids=ids, plane=plane)
        return [
            {"user_id": row.user_id, "conversations": row.conversations, "entries": int(row.entries)} for row in rows
        ]


def _catch_up(work: Work, positions: Positions, unlisted: Unlisted) -> Shape:
    claims = work.claims
    rows = store.whereabouts(
        work.connection,
        org=work.org,
        user_id=claims.user_id,
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
    )
    streams = streams_of(claims)
    plan = _Plan()
    for row in rows:
        for stream in streams:
            _plan(plan, row, stream, _position(row, stream, positions.get(row.id, {}), unlisted))
    entries = timeline.since(work.connection, plan.after)
    _record(work, entries)
    here = {row.id for row in rows}
    return {
        "entries": shown(work.connection, entries, plane=work.claims.plane),
        "heads": {row.id: {stream.value: _head(row, stream) for stream in streams} for row in rows},
        "resets": plan.resets,
        "gone": sorted(one for one in positions if one not in here),
    }


def _plan(plan: _Plan, row: Row[Any], stream: Stream, position: int) -> None:
    head = _head(row, stream)
    behind = head - position
    if behind == 0:
        return
    # A position beyond the head was never ours to give: it starts anew as well.
    if behind < 0 or behind > CATCH_UP_LIMIT or plan.total + behind > TOTAL_LIMIT:
        plan.resets.append({"conversation_id": row.id, "stream": stream, "head": head})
        return
    plan.total += behind
    plan.after.append((row.id, stream, position))


def _position(row: Row[Any], stream: Stream, held: Mapping[Stream, int], unlisted: Unlisted) -> int:
    if stream in held:
        return held[stream]
    if unlisted is Unlisted.HEAD:
        return _head(row, stream)
    return int(row.joined_shared if stream is Stream.SHARED else row.joined_internal)


def _head(row: Row[Any], stream: Stream) -> int:
    return int(row.head_shared if stream is Stream.SHARED else row.head_internal)


def _record(work: Work, entries: Sequence[Row[Any]]) -> None:
    """Put on the record which part of which stream was handed over."""
    parts: dict[tuple[str, str], tuple[int, int]] = {}
    for row in entries:
        first, _ = parts.get((row.conversation_id, row.stream), (row.seq, row.seq))
        parts[row.conversation_id, row.stream] = first, row.seq
    for (conversation_id, stream), (first, last) in parts.items():
        work.record(Action.CAUGHT_UP, conversation_id, stream=Stream(stream), first_seq=first, last_seq=last)
