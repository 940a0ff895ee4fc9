"""Who may: pure rules about signing in, sessions and administration. No queries, no Flask, no clock of its own."""

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta

from auth.model import Account, Browser, Failures, Session
from wire.claims import Plane
from wire.permissions import Permission
from wire.problems import Conflict, NotFound, PermissionRequired

LOCK_AFTER = 5
"""Wrong passwords in a row until an e-mail address is locked."""

LOCK_FOR = timedelta(minutes=15)
CODE_LIFE = timedelta(minutes=1)
SESSION_IDLE = timedelta(hours=12)
SESSION_LIFE = timedelta(hours=24)
PASSWORD_MIN = 12
PASSWORD_MAX = 200
EMAIL_MAX = 254

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]{2,}")


def clean_email(text: str) -> str:
    """Return the address as it is compared: NFC, trimmed, lower case; ValueError when it is none."""
    address = unicodedata.normalize("NFC", text).strip().lower()
    if len(address) > EMAIL_MAX or not _EMAIL.fullmatch(address):
        raise ValueError("Must be an e-mail address.")
    return address


def clean_password(text: str) -> str:
    """Return a new password as it is hashed (NFC, RFC 8265); ValueError with a sentence when it will not do."""
    password = unicodedata.normalize("NFC", text)
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ValueError(f"Must be {PASSWORD_MIN} to {PASSWORD_MAX} characters long.")
    return password


def is_locked(failures: Failures | None, now: datetime) -> bool:
    """Tell whether signing in is refused for now, whatever the password."""
    return failures is not None and failures.locked_until is not None and failures.locked_until > now


def after_failure(failures: Failures | None, now: datetime) -> Failures:
    """Return the count after one more wrong password; a lock that ended starts it anew."""
    expired = failures is not None and failures.locked_until is not None and failures.locked_until <= now
    count = 1 if failures is None or expired else failures.count + 1
    return Failures(count=count, locked_until=now + LOCK_FOR if count >= LOCK_AFTER else None)


def may_enter(account: Account | None, plane: Plane) -> bool:
    """Tell whether the account may sign in on that plane."""
    return account is not None and account.active and account.plane is plane and account.password_hash is not None


def lives(session: Session, account: Account, now: datetime) -> bool:
    """Tell whether the session may go on: not ended, not too old, not idle too long, its person still active."""
    return (
        session.ended_at is None
        and account.active
        and now < session.expires_at
        and now < session.last_used_at + SESSION_IDLE
    )


def remembers(browser: Browser, account: Account, plane: Plane, now: datetime) -> bool:
    """Tell whether a browser's earlier sign-in still counts on that plane."""
    return (
        browser.ended_at is None
        and browser.plane is plane
        and account.active
        and account.plane is plane
        and now < browser.expires_at
    )


def require_administrator(actor: Account, permissions: Collection[str]) -> None:
    """Raise PermissionRequired unless both the token and the account itself hold `pf.users.manage`."""
    if Permission.USERS_MANAGE not in permissions or Permission.USERS_MANAGE not in actor.permissions:
        raise PermissionRequired


def require_same_organisation(actor: Account, account: Account | None) -> Account:
    """Return the account; NotFound when there is none or it is another organisation's: both look the same."""
    if account is None or account.org != actor.org:
        raise NotFound
    return account


def refuse_locking_oneself_out(actor: Account, before: Account, after: Account) -> None:
    """Raise Conflict when an administrator would take their own access to the administration away."""
    if actor.id != before.id:
        return
    if not after.active or Permission.USERS_MANAGE not in after.permissions:
        raise Conflict("You cannot take your own access to the administration away. Ask another administrator.")


def takes_away(before: Account, after: Account) -> bool:
    """Tell whether the change takes something from the person, so that tokens issued until now must go."""
    return (
        (before.active and not after.active)
        or not set(before.permissions) <= set(after.permissions)
        or not set(before.patients) <= set(after.patients)
        or before.password_hash != after.password_hash
    )


def ends_sessions(before: Account, after: Account) -> bool:
    """Tell whether the change signs the person out everywhere."""
    return (before.active and not after.active) or before.password_hash != after.password_hash
