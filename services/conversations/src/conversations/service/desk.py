"""Where use cases happen: one transaction for one caller, with the record kept whatever comes of it.

* What a use case reads, decides, stores, tells and records is one transaction; nothing in it waits for the network.
* A refusal undoes what was begun and is recorded by itself.
* A transaction that lost against another one (deadlock, serialization) is done once more from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from conversations import audit, outbox
from conversations.model import Action, Audience, Person, Standing, StateType, Stream, Writes
from conversations.policy import require_entrance
from conversations.service.ledger import Ledger, parcel_of
from conversations.service.shapes import Shape
from conversations.store import directory, fence, timeline
from servicekit.clock import Clock
from servicekit.database import is_sqlite, transaction
from servicekit.log import failure, get_logger
from wire.claims import Claims
from wire.ids import Ids
from wire.problems import Problem, Unauthenticated, Unavailable

T = TypeVar("T")
log = get_logger()

KNOWN_AT_MOST = 100_000
"""People of whom it is remembered that the directory holds them: it never loses anybody."""

LOST_RACES = {"40001", "40P01"}
"""SQLSTATE of a serialization failure and of a deadlock (PostgreSQL, appendix A)."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One caller's transaction while it runs."""

    connection: Connection
    claims: Claims
    at: datetime
    new_id: Ids
    writes: Writes = field(default_factory=Writes)
    records: list[audit.Record] = field(default_factory=list)

    @property
    def org(self) -> str:
        """The caller's organisation."""
        return self.claims.organisation_id

    def me(self) -> Person:
        """Return the caller as the directory knows them; Unauthenticated when it knows them elsewhere only."""
        return self.me_and_organisation()[0]

    def me_and_organisation(self) -> tuple[Person, str]:
        """Return the same, and the name of their organisation."""
        found = directory.with_organisation(self.connection, self.org, self.claims.user_id)
        if found is None:
            raise Unauthenticated("This account belongs to another organisation.")
        return found

    def ledger(self, standing: Standing, audience: Audience) -> Ledger:
        """Return the streams of a conversation that this transaction has locked."""
        return Ledger(standing, audience, at=self.at, new_id=self.new_id, writes=self.writes)

    def tell(self, kind: StateType, body: Shape, audience: Audience) -> None:
        """Tell a state to these people."""
        parcel = parcel_of(self.new_id(), self.org, kind, body, audience)
        if parcel is not None:
            self.writes.parcels.append(parcel)

    def record(
        self,
        action: Action,
        conversation_id: str | None = None,
        *,
        subject_id: str | None = None,
        stream: Stream | None = None,
        first_seq: int | None = None,
        last_seq: int | None = None,
    ) -> None:
        """Put on the record what the caller did."""
        self.records.append(
            audit.Record(
                claims=self.claims,
                at=self.at,
                action=action,
                conversation_id=conversation_id,
                subject_id=subject_id,
                stream=stream,
                first_seq=first_seq,
                last_seq=last_seq,
            )
        )

    def save(self) -> None:
        """Store everything decided so far; called at the end, and before reading what was just stored."""
        timeline.save(self.connection, self.writes)
        outbox.put(self.connection, self.writes.parcels)
        self.writes.clear()

    def finish(self) -> None:
        """Store the rest and the record."""
        self.save()
        audit.write(self.connection, self.records)


class Desk:
    """Runs use cases against the database."""

    def __init__(self, engine: Engine, *, clock: Clock, new_id: Ids, bell: outbox.Bell) -> None:
        self.engine = engine
        self.new_id = new_id
        self.bell = bell
        self._clock = clock
        self._known: set[tuple[str, str]] = set()
        self._snapshots = engine if is_sqlite(engine) else engine.execution_options(isolation_level="REPEATABLE READ")

    def now(self) -> datetime:
        """Return the present moment in the milliseconds that are stored and shown."""
        moment = self._clock()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def do(
        self,
        claims: Claims,
        action: Action,
        use_case: Callable[[Work], T],
        *,
        conversation_id: str | None = None,
        snapshot: bool = False,
        often: bool = False,
    ) -> T:
        """Run a use case in one transaction (over one snapshot where asked) and commit it, or record its refusal.

        One that is run `often` has its statements planned once, where they are written for it (`store.asked`).
        """
        try:
            require_entrance(claims)
            return again_after_a_lost_race(lambda: self._once(claims, use_case, snapshot=snapshot, often=often))
        except Problem as refusal:
            self._record_refusal(claims, action, refusal, conversation_id)
            raise

    def refuse(self, claims: Claims, action: Action, refusal: Problem) -> None:
        """Put on the record what was refused before there was anything to decide about."""
        self._record_refusal(claims, action, refusal, None)

    def _once(self, claims: Claims, use_case: Callable[[Work], T], *, snapshot: bool, often: bool) -> T:
        with transaction(self._snapshots if snapshot else self.engine) as connection:
            fence.enter(connection, claims.organisation_id, keeping_plans=often)
            self._know(connection, claims)
            work = Work(connection=connection, claims=claims, at=self.now(), new_id=self.new_id)
            result = use_case(work)
            work.finish()
        self.bell.ring()
        return result

    def _know(self, connection: Connection, claims: Claims) -> None:
        """Bring the caller into the directory, and look only once; what this transaction adds may yet be undone."""
        caller = claims.organisation_id, claims.user_id
        if caller in self._known or not directory.know(connection, claims):
            return
        if len(self._known) >= KNOWN_AT_MOST:
            self._known.clear()
        self._known.add(caller)

    def _record_refusal(self, claims: Claims, action: Action, refusal: Problem, conversation_id: str | None) -> None:
        if isinstance(refusal, Unavailable):
            return
        record = audit.Record(
            claims=claims, at=self.now(), action=action, refused=refusal.code, conversation_id=conversation_id
        )
        with transaction(self.engine) as connection:
            fence.enter(connection, claims.organisation_id)
            audit.write(connection, [record])


def again_after_a_lost_race(attempt: Callable[[], T]) -> T:
    """Return what `attempt` returns, tried twice if it lost a race; Unavailable when the database cannot serve it."""
    try:
        return attempt()
    except DBAPIError as failed:
        if not _lost_a_race(failed):
            raise _unavailable(failed) from failed
    except PoolExhausted as busy:
        raise Unavailable from busy
    try:
        return attempt()
    except DBAPIError as failed:
        raise _unavailable(failed) from failed


def _lost_a_race(failed: DBAPIError) -> bool:
    return getattr(failed.orig, "sqlstate", None) in LOST_RACES


def _unavailable(failed: DBAPIError) -> Exception:
    if isinstance(failed, OperationalError) or _lost_a_race(failed):
        log.warning("database.unavailable", **failure(failed))
        return Unavailable()
    return failed
