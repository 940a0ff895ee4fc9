"""Access tokens of browser sessions: fetched by one for all, and kept no longer than they are good."""

import threading
from datetime import timedelta

import pytest

from gatekit.access import AccessTokens
from gatekit.sessions import BrowserSession
from tests.unit.gatekit.standins import TestClock
from wire.claims import Claims, Plane
from wire.demo import HARBOR, NORA
from wire.ids import SessionId, new_id
from wire.problems import Problem, Unauthenticated, Unavailable

SESSION = BrowserSession(session_id=SessionId("s1"), refresh_token="r", plane=Plane.STAFF, ends_at=2**40)


class SlowIssuer:
    """Counts the tokens it gives, and waits until it is let go."""

    def __init__(self) -> None:
        self.given = 0
        self.go = threading.Event()
        self.asked = threading.Event()
        self.trouble: Problem | None = None

    def refresh(self, refresh_token: str) -> str:
        assert refresh_token == "r"
        self.asked.set()
        assert self.go.wait(5)
        self.given += 1
        if self.trouble is not None:
            raise self.trouble
        return f"token-{self.given}"


def tokens(
    issuer: SlowIssuer, clock: TestClock, *, session_id: str = "s1", bad: frozenset[str] = frozenset()
) -> AccessTokens:
    """Return access tokens that last ten minutes, of which `bad` ones no longer verify."""

    def verify(token: str) -> Claims:
        if token in bad:
            raise Unauthenticated
        return Claims(
            user_id=NORA,
            session_id=SessionId(session_id),
            token_id=new_id(),
            organisation_id=HARBOR,
            name="Nora",
            plane=Plane.STAFF,
            permissions=frozenset(),
            patients=(),
            client_id="staff-gateway",
            issued_at=0,
            expires_at=int((clock() + timedelta(minutes=10)).timestamp()),
        )

    return AccessTokens(issuer, verify, clock)


def test_many_who_ask_at_once_share_one_fetch() -> None:
    """Twenty callers of a session, one call to the issuer, one token."""
    issuer, clock = SlowIssuer(), TestClock()
    access = tokens(issuer, clock)
    got: list[str] = []

    askers = [threading.Thread(target=lambda: got.append(access.current(SESSION).token)) for _ in range(20)]
    for asker in askers:
        asker.start()
    issuer.go.set()
    for asker in askers:
        asker.join(5)

    assert got == ["token-1"] * 20


def test_those_who_waited_for_a_fetch_that_failed_do_not_each_wait_for_their_own() -> None:
    """An issuer that hangs holds a session's callers up once, not once each."""
    issuer, clock = SlowIssuer(), TestClock()
    access = tokens(issuer, clock)
    issuer.trouble = Unavailable()
    failed: list[Problem] = []

    def ask() -> None:
        try:
            access.current(SESSION)
        except Unavailable as away:
            failed.append(away)

    first = threading.Thread(target=ask)
    first.start()
    assert issuer.asked.wait(5)
    others = [threading.Thread(target=ask) for _ in range(5)]
    for asker in others:
        asker.start()
    issuer.go.set()
    for asker in (first, *others):
        asker.join(5)

    assert len(failed) == 6
    assert issuer.given < 6


def test_those_whose_token_was_refused_share_the_next_one() -> None:
    """Whoever reports a token that somebody else has replaced already gets the replacement."""
    issuer, clock = SlowIssuer(), TestClock()
    issuer.go.set()
    access = tokens(issuer, clock)
    first = access.current(SESSION).token

    again = [access.renewed(SESSION, first).token for _ in range(5)]

    assert again == ["token-2"] * 5


def test_a_kept_token_that_no_longer_verifies_is_replaced() -> None:
    """A revocation that reached the verifier is felt at the very next call."""
    issuer, clock = SlowIssuer(), TestClock()
    issuer.go.set()
    bad: set[str] = set()
    access = tokens(issuer, clock, bad=bad)  # type: ignore[arg-type] # a set that grows
    access.current(SESSION)
    bad.add("token-1")

    assert access.current(SESSION).token == "token-2"


def test_a_token_of_another_session_is_not_taken() -> None:
    """An issuer that answers for somebody else must not turn one person into another."""
    issuer, clock = SlowIssuer(), TestClock()
    issuer.go.set()
    access = tokens(issuer, clock, session_id="another")

    with pytest.raises(Unauthenticated):
        access.current(SESSION)


def test_a_forgotten_session_gives_nothing_more() -> None:
    """Not even with a refresh token that the issuer would still take."""
    issuer, clock = SlowIssuer(), TestClock()
    issuer.go.set()
    access = tokens(issuer, clock)
    access.current(SESSION)

    access.forget(SESSION.session_id)

    with pytest.raises(Unauthenticated):
        access.current(SESSION)
