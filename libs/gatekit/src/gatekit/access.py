"""Access tokens of browser sessions: fetched with the session's refresh token, kept in memory, never sent to a browser.

Promises: a kept token is handed out until a minute before its end and only while it still verifies; one fetch at a
time per session, whoever asks, and those who waited for it share its outcome, its failure too; a session that the
issuer ended, or that was signed out here, gives nothing more.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol

from gatekit.issuer import SignInRefusedError
from gatekit.sessions import BrowserSession
from servicekit.clock import Clock
from wire.claims import Claims
from wire.ids import SessionId
from wire.problems import Problem, Unauthenticated

_SPARE: Final = 60
_CAPACITY: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A verified access token and what it says."""

    token: str = field(repr=False)
    claims: Claims


class Refreshes(Protocol):
    """Gives a fresh access token for a refresh token (the issuer)."""

    def refresh(self, refresh_token: str) -> str:
        """Return an access token; SignInRefusedError or Unavailable."""


class _Slot:
    """One session's kept pass, and the turn to fetch its next one."""

    __slots__ = ("fetches", "kept", "trouble", "turn")

    def __init__(self) -> None:
        self.turn = Lock()
        self.kept: Pass | None = None
        self.fetches = 0
        self.trouble: Problem | None = None


class AccessTokens:
    """Gives each browser session its current access token."""

    def __init__(self, issuer: Refreshes, verify: Callable[[str], Claims], clock: Clock) -> None:
        self._issuer = issuer
        self._verify = verify
        self._clock = clock
        self._lock = Lock()
        self._slots: OrderedDict[SessionId, _Slot] = OrderedDict()
        self._over: OrderedDict[SessionId, None] = OrderedDict()

    def current(self, session: BrowserSession) -> Pass:
        """Return a token that is good for another minute; Unauthenticated when the session is over, Unavailable."""
        return self._good(session, refused=None)

    def renewed(self, session: BrowserSession, refused: str) -> Pass:
        """Return another token than `refused`, which somebody no longer accepts."""
        return self._good(session, refused=refused)

    def verified(self, token: str) -> Claims:
        """Return what a token says; Unauthenticated when it is not good here."""
        return self._verify(token)

    def forget(self, session_id: SessionId) -> None:
        """Hand out nothing more for this session."""
        with self._lock:
            self._slots.pop(session_id, None)
            self._over[session_id] = None
            while len(self._over) > _CAPACITY:
                self._over.popitem(last=False)

    def _good(self, session: BrowserSession, *, refused: str | None) -> Pass:
        slot = self._slot(session.session_id)
        seen = slot.fetches
        with slot.turn:
            if slot.kept is not None and slot.kept.token != refused and self._still_good(slot.kept):
                return slot.kept
            if slot.fetches != seen and slot.trouble is not None:
                raise type(slot.trouble)
            return self._next(slot, session)

    def _next(self, slot: _Slot, session: BrowserSession) -> Pass:
        slot.trouble = None
        try:
            slot.kept = self._fetch(session)
        except Problem as trouble:
            slot.trouble = trouble
            raise
        finally:
            slot.fetches += 1
        return slot.kept

    def _slot(self, session_id: SessionId) -> _Slot:
        with self._lock:
            if session_id in self._over:
                raise Unauthenticated
            slot = self._slots.setdefault(session_id, _Slot())
            self._slots.move_to_end(session_id)
            while len(self._slots) > _CAPACITY:
                self._slots.popitem(last=False)
            return slot

    def _still_good(self, kept: Pass) -> bool:
        if kept.claims.expires_at - _SPARE <= self._clock().timestamp():
            return False
        try:
            self._verify(kept.token)
        except Unauthenticated:
            return False
        return True

    def _fetch(self, session: BrowserSession) -> Pass:
        try:
            token = self._issuer.refresh(session.refresh_token)
        except SignInRefusedError as over:
            raise Unauthenticated from over
        claims = self._verify(token)
        if claims.session_id != session.session_id:
            raise Unauthenticated
        return Pass(token=token, claims=claims)
