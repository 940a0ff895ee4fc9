"""The batch door of sends: many messages of many authors, one commit.

* Each is accepted or refused by itself; whatever is wrong with one harms no other.
* Each author is who their own token says.
* A batch spans organisations; each group is decided behind its organisation's fence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Histogram
from sqlalchemy import Connection

from conversations import audit, outbox
from conversations.model import Action, Facts, Stream, Writes
from conversations.policy import require_entrance
from conversations.service import entries
from conversations.service.announcing import announce_change
from conversations.service.desk import Desk, Work, again_after_a_lost_race
from conversations.service.ledger import Ledger
from conversations.service.posting import Draft, Outcome, Posted, Posting, Repeated
from conversations.service.shapes import Shape
from conversations.store import fence, posts, posts_postgres, timeline
from servicekit.database import is_sqlite, transaction
from wire.problems import Problem

CREATED, OK = 201, 200

COMMIT = Histogram(
    "messages_commit_seconds",
    "Seconds of a batch of sends in the database, from its first statement to the end of its one commit.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)

Result = Shape
"""`{"status", "entry"}` or `{"problem"}`."""


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A draft and its place in the batch."""

    place: int
    draft: Draft


class Gathering:
    """Posts batches of messages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._fast = not is_sqlite(desk.engine)

    def post(self, drafts: Sequence[Draft | Problem]) -> list[Result]:
        """Return each draft's result, in order, after the one commit."""
        results: list[Result] = [{} if isinstance(draft, Draft) else {"problem": draft.as_dict()} for draft in drafts]
        groups = _groups(drafts)
        if groups:
            for place, result in again_after_a_lost_race(lambda: self._commit(groups)).items():
                results[place] = result
            self._desk.bell.ring()
        return results

    def _commit(self, groups: dict[str, list[_Numbered]]) -> dict[int, Result]:
        results: dict[int, Result] = {}
        with COMMIT.time(), transaction(self._desk.engine) as connection:
            for org, drafts in groups.items():
                results |= _Group(self._desk, connection, org, drafts, fast=self._fast).post()
        return results


def _groups(drafts: Sequence[Draft | Problem]) -> dict[str, list[_Numbered]]:
    groups: defaultdict[str, list[_Numbered]] = defaultdict(list)
    for place, draft in enumerate(drafts):
        if isinstance(draft, Draft):
            groups[draft.claims.organisation_id].append(_Numbered(place, draft))
    return dict(sorted(groups.items()))


class _Group:
    """The drafts of one organisation."""

    def __init__(
        self, desk: Desk, connection: Connection, org: str, drafts: Sequence[_Numbered], *, fast: bool
    ) -> None:
        self._connection = connection
        self._org = org
        self._drafts = drafts
        self._fast = fast
        # A batch comes from one gateway, and every author's token is of its plane.
        self._plane = drafts[0].draft.claims.plane
        self._at = desk.now()
        self._new_id = desk.new_id
        self._writes = Writes()
        self._records: list[audit.Record] = []

    def post(self) -> dict[int, Result]:
        posting = Posting(self._facts(), self._entries_since, at=self._at, new_id=self._new_id, writes=self._writes)
        outcomes = [(numbered, self._decided(posting, numbered.draft)) for numbered in self._drafts]
        self._store(posting)
        return self._results(outcomes)

    def _facts(self) -> Facts:
        asks = [numbered.draft.ask for numbered in self._drafts]
        if self._fast:
            return posts_postgres.facts(self._connection, self._org, asks)
        fence.enter(self._connection, self._org)
        return posts.facts(self._connection, self._org, asks)

    def _decided(self, posting: Posting, draft: Draft) -> Outcome:
        try:
            require_entrance(draft.claims)
        except Problem as refusal:
            outcome: Outcome = refusal
        else:
            outcome = posting.decide(draft)
        self._record(draft, outcome)
        return outcome

    def _record(self, draft: Draft, outcome: Outcome) -> None:
        if isinstance(outcome, Repeated):
            return
        refused = outcome.code if isinstance(outcome, Problem) else None
        seq, message_id = None, None
        if isinstance(outcome, Posted):
            seq, message_id = outcome.entry["seq"], outcome.entry["message"]["id"]
        self._records.append(
            audit.Record(
                claims=draft.claims,
                at=self._at,
                action=Action.POSTED,
                refused=refused,
                conversation_id=draft.conversation_id,
                subject_id=message_id,
                stream=draft.stream,
                last_seq=seq,
            )
        )

    def _store(self, posting: Posting) -> None:
        if self._fast and not posting.reopened:
            accepted = [record for record in self._records if record.refused is None]
            audit.write(self._connection, [record for record in self._records if record.refused is not None])
            posts_postgres.save(self._connection, self._org, self._writes, [audit.row(record) for record in accepted])
            return
        timeline.save(self._connection, self._writes)
        outbox.put(self._connection, self._writes.parcels)
        audit.write(self._connection, self._records)
        for draft, ledger in posting.reopened:
            self._announce(draft, ledger)

    def _announce(self, draft: Draft, ledger: Ledger) -> None:
        """Tell everybody that they may write again."""
        work = Work(connection=self._connection, claims=draft.claims, at=self._at, new_id=self._new_id)
        announce_change(work, ledger.standing, ledger.audience)
        work.record(Action.REOPENED, draft.conversation_id)
        work.finish()

    def _entries_since(self, conversation_id: str, stream: Stream, seq: int) -> list[Shape]:
        rows = timeline.page(
            self._connection, conversation_id=conversation_id, stream=stream, before=None, after=seq, limit=200
        )
        return entries.shown(self._connection, rows, plane=self._plane)

    def _results(self, outcomes: Sequence[tuple[_Numbered, Outcome]]) -> dict[int, Result]:
        repeated = {outcome.message_id for _, outcome in outcomes if isinstance(outcome, Repeated)}
        first = self._entries_of(repeated) if repeated else {}
        return {numbered.place: _result(outcome, first) for numbered, outcome in outcomes}

    def _entries_of(self, message_ids: set[str]) -> dict[str, Shape]:
        found = entries.shown(self._connection, timeline.posted(self._connection, message_ids), plane=self._plane)
        return {entry["message"]["id"]: entry for entry in found}


def _result(outcome: Outcome, first: dict[str, Shape]) -> Result:
    if isinstance(outcome, Problem):
        return {"problem": outcome.as_dict()}
    if isinstance(outcome, Repeated):
        return {"status": OK, "entry": first[outcome.message_id]}
    return {"status": CREATED, "entry": outcome.entry}
