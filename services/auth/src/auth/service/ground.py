"""What every use case stands on, and how a change gets into the log: last in its transaction, announced after it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from auth import store
from auth.model import Account, Reason
from auth.passwords import Passwords
from servicekit.clock import Clock
from servicekit.log import get_logger
from wire.changes import Change, ChangeType
from wire.ids import Ids, SessionId
from wire.times import to_wire

log = get_logger()

Announce = Callable[[Change], None]
"""Tells the broker about a change, after its commit, as well as it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every use case stands on, put together once in app.py."""

    engine: Engine
    clock: Clock
    ids: Ids
    tokens: Callable[[], str]
    passwords: Passwords
    failures_key: bytes = field(repr=False)
    announce: Announce


def unchanged(current: Account, checked: Account) -> bool:
    """Tell whether somebody may still enter whose password was checked before this transaction began."""
    return current.active and current.password_hash == checked.password_hash


def record_user(
    ground: Ground, connection: Connection, account: Account, reason: Reason, *, tokens_before: int | None
) -> Change:
    """Write a user's change into the log, as the last thing of the transaction."""
    return _record(ground, connection, ChangeType.USER_CHANGED, account, reason, tokens_before=tokens_before)


def end_session(ground: Ground, connection: Connection, session_id: SessionId, reason: Reason) -> list[Change]:
    """End a session unless it has ended; return the change to announce."""
    session = store.session(connection, session_id)
    account = store.account(connection, session.account_id, lock="share") if session else None
    if account is None or not store.end_session(connection, session_id, ground.clock()):
        return []
    return [_record(ground, connection, ChangeType.SESSION_REVOKED, account, reason, session_id=session_id)]


def _record(
    ground: Ground,
    connection: Connection,
    kind: ChangeType,
    account: Account,
    reason: Reason,
    *,
    session_id: SessionId | None = None,
    tokens_before: int | None = None,
) -> Change:
    position = store.next_position(connection)
    now = ground.clock()
    change = Change(
        position=position,
        type=kind,
        at=to_wire(now),
        org=account.org,
        user_id=account.id,
        session_id=session_id,
        tokens_before=tokens_before,
        reason=str(reason),
        user=account.listed() if kind is ChangeType.USER_CHANGED else None,
    )
    store.add_change(connection, change, now)
    log.info("change.recorded", position=position, type=kind, reason=reason, user=account.id, session=session_id)
    return change


def announce(ground: Ground, changes: list[Change]) -> None:
    """Tell the broker, after the commit."""
    for change in changes:
        ground.announce(change)
