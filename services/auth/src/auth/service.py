"""Signing in and staying signed in: passwords, browsers, codes, sessions, and the changes they cause.

- A wrong password, an unknown address and a locked one do the same work and get the same answer.
- What was decided about a person is decided under the lock of their account, with the clock read after the lock was
  taken: whoever is deactivated in the same moment gets no token that outlives it.
- Refusals that leave a trace (a reused token) are committed before they are told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from auth import policy, store
from auth.model import Account, Browser, Code, Granted, Reason, RefreshToken, Session
from auth.passwords import Passwords
from auth.seals import digest, stamp
from servicekit.clock import Clock
from servicekit.database import transaction
from servicekit.log import get_logger
from wire.changes import Change, ChangeType
from wire.claims import Plane
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """What a client asked for when it sent the browser here."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None = field(repr=False)
    challenge: str = field(repr=False)


class SignIn:
    """The sign-in page's side: passwords and remembered browsers."""

    def __init__(self, ground: Ground) -> None:
        self._on = ground

    def check(self, email: str, password: str, plane: Plane) -> Account | None:
        """Return the account when the password is right, it may enter and is not locked; None for all else alike."""
        address = _spelling(email)
        found = self._find(address)
        account = found if found and policy.may_enter(found, plane) else None
        right = self._on.passwords.matches(account.password_hash if account else None, password)
        accepted = self._count(address, right=right)
        log.info("sign_in.checked", accepted=bool(account and accepted), user=found.id if found else None, plane=plane)
        return self._with_todays_hash(account, password) if account and accepted else None

    def remember(self, account: Account) -> tuple[Browser, str] | None:
        """Open a browser's sign-in; return it with the value of its cookie, None when they may no longer enter."""
        cookie = self._on.tokens()
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="share")
            now = self._on.clock()
            if current is None or not _unchanged(current, account):
                return None
            browser = Browser(
                id=self._on.ids(),
                account_id=account.id,
                plane=account.plane,
                signed_in_at=now,
                expires_at=now + policy.SESSION_LIFE,
                ended_at=None,
            )
            store.add_browser(connection, browser, digest(cookie))
        return browser, cookie

    def remembered(self, cookie: str, plane: Plane) -> tuple[Account, Browser] | None:
        """Return who signed in with this browser and still is."""
        with transaction(self._on.engine) as connection:
            browser = store.browser_by_cookie(connection, digest(cookie))
            account = store.account(connection, browser.account_id) if browser else None
            if browser is None or account is None:
                return None
            return (account, browser) if policy.remembers(browser, account, plane, self._on.clock()) else None

    def forget(self, cookie: str, plane: Plane) -> None:
        """End a browser's sign-in and every session opened through it."""
        with transaction(self._on.engine) as connection:
            browser = store.browser_by_cookie(connection, digest(cookie))
            if browser is None or browser.plane is not plane:
                return
            store.end_browser(connection, browser.id, self._on.clock())
            ended: list[Change] = []
            for session in store.sessions_of_browser(connection, browser.id):
                ended += _end_session(self._on, connection, session.id, Reason.SIGNED_OUT)
        _announce(self._on, ended)

    def _find(self, address: str) -> Account | None:
        with transaction(self._on.engine) as connection:
            return store.account_by_email(connection, address)

    def _count(self, address: str, *, right: bool) -> bool:
        """Count a wrong password, forget the count after a right one; False while the address is locked.

        Asked after the hash was computed, so that of many guesses made at once only the first few are answered.
        """
        seal = stamp(self._on.failures_key, address)
        with transaction(self._on.engine) as connection:
            now = self._on.clock()
            failures = store.failures_of(connection, seal, now)
            if policy.is_locked(failures, now):
                return False
            counted = replace(failures, count=0, locked_until=None) if right else policy.after_failure(failures, now)
            store.set_failures(connection, seal, counted, now)
        return right

    def _with_todays_hash(self, account: Account, password: str) -> Account:
        """Store the password again, at today's costs, where it was hashed at other ones."""
        if account.password_hash is None or not self._on.passwords.outdated(account.password_hash):
            return account
        renewed = self._on.passwords.hash(password)
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="change")
            if current is None or not _unchanged(current, account):
                return account
            store.change_account(connection, replace(current, password_hash=renewed))
        return replace(account, password_hash=renewed)


class Sessions:
    """The token endpoint's side: codes, sessions and refresh tokens."""

    def __init__(self, ground: Ground) -> None:
        self._on = ground

    def issue_code(self, account: Account, browser: Browser, asked: CodeRequest) -> str:
        """Return a code for the session that is about to be opened; good for a minute, once."""
        issued = self._on.tokens()
        with transaction(self._on.engine) as connection:
            now = self._on.clock()
            code = Code(
                code_hash=digest(issued),
                client_id=asked.client_id,
                account_id=account.id,
                browser_id=browser.id,
                session_id=SessionId(self._on.ids()),
                redirect_uri=asked.redirect_uri,
                scope=asked.scope,
                nonce=asked.nonce,
                challenge=asked.challenge,
                signed_in_at=browser.signed_in_at,
                expires_at=now + policy.CODE_LIFE,
                used_at=None,
            )
            store.add_code(connection, code)
        return issued

    def find_code(self, issued: str, client_id: str) -> Code | None:
        """Return a code that this client may still redeem; one that was used ends the session it opened."""
        with transaction(self._on.engine) as connection:
            code = store.code(connection, digest(issued))
            if code is None or code.client_id != client_id:
                return None
            ended = self._end(connection, code.session_id, Reason.TOKEN_REUSE) if code.used_at else []
            good = code.used_at is None and self._on.clock() < code.expires_at
        _announce(self._on, ended)
        return code if good else None

    def redeem(self, code: Code) -> Granted | None:
        """Open the session of a code; None when somebody was faster, which ends the session, or the person may not."""
        with transaction(self._on.engine) as connection:
            account = store.account(connection, code.account_id, lock="share")
            now = self._on.clock()
            first = store.use_code(connection, code.code_hash, now)
            ended = [] if first else self._end(connection, code.session_id, Reason.TOKEN_REUSE)
            granted = self._open_from(connection, code, account, now) if first and account else None
        _announce(self._on, ended)
        return granted

    def open(self, account: Account, client_id: str) -> Granted | None:
        """Open a session for somebody whose password was just checked; None when they may no longer enter."""
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="share")
            now = self._on.clock()
            if current is None or not _unchanged(current, account):
                return None
            return self._store_session(connection, self._new(current, client_id, now), current, now)

    def refresh(self, presented: str, client_id: str, *, rotates: bool) -> Granted | None:
        """Continue a session. Where tokens rotate, a used one ends the session; else the same one stays good."""
        with transaction(self._on.engine) as connection:
            granted, ended = self._refresh(connection, presented, client_id, rotates=rotates)
        _announce(self._on, ended)
        return granted

    def by_refresh_token(self, presented: str) -> Session | None:
        """Return the session a refresh token belongs to, used or not."""
        with transaction(self._on.engine) as connection:
            token = store.refresh_token(connection, digest(presented))
            return store.session(connection, token.session_id) if token else None

    def by_id(self, session_id: str) -> Session | None:
        """Return the session."""
        with transaction(self._on.engine) as connection:
            return store.session(connection, session_id)

    def alive(self, session_id: str, issued_at: int) -> tuple[Account, Session] | None:
        """Return whose session this is, unless it or every token issued up to then was ended."""
        with transaction(self._on.engine) as connection:
            session = store.session(connection, session_id)
            account = store.account(connection, session.account_id) if session else None
            if session is None or account is None or not policy.lives(session, account, self._on.clock()):
                return None
            return (account, session) if issued_at > (account.tokens_before or 0) else None

    def sign_out(self, session: Session) -> None:
        """End the session and the browser's sign-in it came from, so that the next one asks for the password.

        Other sessions opened through that sign-in go on: a gateway that replaces a session revokes the old one after
        the new one began.
        """
        with transaction(self._on.engine) as connection:
            ended = self._end(connection, session.id, Reason.SIGNED_OUT)
            if session.browser_id is not None:
                store.end_browser(connection, session.browser_id, self._on.clock())
        _announce(self._on, ended)

    def _refresh(
        self, connection: Connection, presented: str, client_id: str, *, rotates: bool
    ) -> tuple[Granted | None, list[Change]]:
        token = store.refresh_token(connection, digest(presented))
        found = store.session(connection, token.session_id) if token else None
        if token is None or found is None or found.client_id != client_id:
            return None, []
        account = store.account(connection, found.account_id, lock="share")
        session = store.session(connection, found.id, lock=True)
        now = self._on.clock()
        if account is None or session is None or not policy.lives(session, account, now):
            return None, []
        if rotates and not store.use_refresh_token(connection, token.token_hash, now):
            return None, self._end(connection, session.id, Reason.TOKEN_REUSE)
        store.touch_session(connection, session.id, now)
        following = self._new_refresh_token(connection, session) if rotates else presented
        return Granted(account=account, session=session, refresh_token=following, at=now), []

    def _open_from(self, connection: Connection, code: Code, account: Account, now: datetime) -> Granted | None:
        browser = store.browser(connection, code.browser_id)
        if browser is None or not policy.remembers(browser, account, account.plane, now):
            return None
        session = replace(
            self._new(account, code.client_id, now),
            id=code.session_id,
            browser_id=code.browser_id,
            scope=code.scope,
            signed_in_at=code.signed_in_at,
        )
        return self._store_session(connection, session, account, now)

    def _new(self, account: Account, client_id: str, now: datetime) -> Session:
        return Session(
            id=SessionId(self._on.ids()),
            account_id=account.id,
            org=account.org,
            client_id=client_id,
            plane=account.plane,
            browser_id=None,
            scope="",
            signed_in_at=now,
            last_used_at=now,
            expires_at=now + policy.SESSION_LIFE,
            ended_at=None,
        )

    def _store_session(self, connection: Connection, session: Session, account: Account, now: datetime) -> Granted:
        store.add_session(connection, session)
        refresh_token = self._new_refresh_token(connection, session)
        return Granted(account=account, session=session, refresh_token=refresh_token, at=now)

    def _new_refresh_token(self, connection: Connection, session: Session) -> str:
        issued = self._on.tokens()
        token = RefreshToken(token_hash=digest(issued), session_id=session.id, used_at=None)
        store.add_refresh_token(connection, token)
        return issued

    def _end(self, connection: Connection, session_id: SessionId, reason: Reason) -> list[Change]:
        return _end_session(self._on, connection, session_id, reason)


def record_user(
    ground: Ground, connection: Connection, account: Account, reason: Reason, *, tokens_before: int | None
) -> Change:
    """Write a user's change into the log, as the last thing of the transaction."""
    return _record(ground, connection, ChangeType.USER_CHANGED, account, reason, tokens_before=tokens_before)


def _spelling(email: str) -> str:
    """Return the address as it is stored; what is no address becomes a text that is nobody's and safe to ask for."""
    try:
        return policy.clean_email(email)
    except ValueError:
        return digest(email)


def _unchanged(current: Account, checked: Account) -> bool:
    """Tell whether somebody may still enter whose password was checked before this transaction began."""
    return current.active and current.password_hash == checked.password_hash


def _end_session(ground: Ground, connection: Connection, session_id: SessionId, reason: Reason) -> list[Change]:
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


def _announce(ground: Ground, changes: list[Change]) -> None:
    for change in changes:
        ground.announce(change)
