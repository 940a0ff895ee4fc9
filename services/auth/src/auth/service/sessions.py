"""The token endpoint's side: codes, sessions and refresh tokens."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from auth import policy, store
from auth.model import Account, Browser, Code, Granted, Reason, RefreshToken, Session
from auth.seals import digest
from auth.service.ground import Ground, announce, end_session, unchanged
from servicekit.database import transaction
from wire.changes import Change
from wire.ids import SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """What a client asked for when it sent the browser here."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None = field(repr=False)
    challenge: str = field(repr=False)


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
        announce(self._on, ended)
        return code if good else None

    def redeem(self, code: Code) -> Granted | None:
        """Open the session of a code; None when somebody was faster, which ends the session, or the person may not."""
        with transaction(self._on.engine) as connection:
            account = store.account(connection, code.account_id, lock="share")
            now = self._on.clock()
            first = store.use_code(connection, code.code_hash, now)
            ended = [] if first else self._end(connection, code.session_id, Reason.TOKEN_REUSE)
            granted = self._open_from(connection, code, account, now) if first and account else None
        announce(self._on, ended)
        return granted

    def open(self, account: Account, client_id: str) -> Granted | None:
        """Open a session for somebody whose password was just checked; None when they may no longer enter."""
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="share")
            now = self._on.clock()
            if current is None or not unchanged(current, account):
                return None
            return self._store_session(connection, self._new(current, client_id, now), current, now)

    def refresh(self, presented: str, client_id: str, *, rotates: bool) -> Granted | None:
        """Continue a session. Where tokens rotate, a used one ends the session; else the same one stays good."""
        with transaction(self._on.engine) as connection:
            granted, ended = self._refresh(connection, presented, client_id, rotates=rotates)
        announce(self._on, ended)
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
        announce(self._on, ended)

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
        return end_session(self._on, connection, session_id, reason)
