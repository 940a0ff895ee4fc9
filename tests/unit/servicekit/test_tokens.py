"""A token opens a door only when auth signed it, for this door, not ended, not revoked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from servicekit.tokens import REFETCH_AFTER, KeySource, ServiceToken, Verifier
from tests.support.ports import wait_until
from wire.claims import Plane
from wire.problems import Unauthenticated, Unavailable

ISSUER = "http://localhost:8080/auth"
START = datetime(2026, 11, 22, 8, tzinfo=UTC)


@dataclass
class Time:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Auth:
    """A sign-in service in miniature: signs, publishes its keys, counts how often it is asked."""

    keys: list[ECKey] = field(default_factory=lambda: [ECKey.generate_key("P-256", {"kid": "one"})])
    asked: int = 0
    away: bool = False
    flows: threading.Event = field(default_factory=threading.Event)
    """Cleared while it hangs."""

    def __post_init__(self) -> None:
        self.flows.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.flows.wait(20)
        if self.away:
            raise httpx.ConnectError("nobody there")
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": f"token-{self.asked}", "expires_in": 600})
        return httpx.Response(200, content=orjson.dumps(KeySet([*self.keys]).as_dict(private=False)))

    def signs(self, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:  # noqa: ANN401
        key = key or self.keys[-1]
        now = int(START.timestamp())
        payload = {
            "iss": ISSUER,
            "sub": "u1",
            "sid": "s1",
            "jti": "t1",
            "iat": now,
            "exp": now + 600,
            "client_id": "messages-cli",
            "aud": "staff",
            "org": "o1",
            "name": "Nora",
            "permissions": ["pf.messaging.view"],
        }
        head = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(head | (header or {}), payload | claims, key)


@dataclass
class Revoked:
    sessions: set[str] = field(default_factory=set)

    def revoked(self, *, session_id: str, user_id: str, issued_at: int) -> bool:  # noqa: ARG002 - the interface
        return session_id in self.sessions


@pytest.fixture
def time() -> Time:
    """A clock that passes when told."""
    return Time()


@pytest.fixture
def auth() -> Auth:
    """The sign-in service."""
    return Auth()


@pytest.fixture
def revoked() -> Revoked:
    """The sessions nobody wants any more."""
    return Revoked()


@pytest.fixture
def keys(auth: Auth, time: Time) -> KeySource:
    """Auth's public keys as a service has them."""
    return KeySource(httpx.Client(transport=httpx.MockTransport(auth), base_url="http://auth"), time)


@pytest.fixture
def verifier(keys: KeySource, time: Time, revoked: Revoked) -> Verifier:
    """What a door asks."""
    return Verifier(issuer=ISSUER, keys=keys, revocations=revoked, clock=time)


def test_a_good_token_tells_who_calls(auth: Auth, verifier: Verifier) -> None:
    """The claims are those that auth signed."""
    token = auth.signs()

    claims = verifier.user(token, Plane.STAFF)

    assert (claims.user_id, claims.organisation_id, claims.plane) == ("u1", "o1", Plane.STAFF)
    assert claims.may("pf.messaging.view")
    assert "Nora" not in repr(claims)


FORGERIES: dict[str, Callable[[Auth], str]] = {
    "no token at all": lambda _: "garbage",
    "an empty one": lambda _: "",
    "three dots": lambda _: "a.b.c",
    "signed by somebody else": lambda auth: auth.signs(ECKey.generate_key("P-256", {"kid": "one"})),
    "a key nobody knows": lambda auth: auth.signs(ECKey.generate_key("P-256", {"kid": "two"})),
    "another issuer": lambda auth: auth.signs(iss="http://evil.example"),
    "an id token": lambda auth: auth.signs(header={"typ": "JWT"}),
    "from the future": lambda auth: auth.signs(iat=int(START.timestamp()) + 60),
    "ended": lambda auth: auth.signs(exp=int(START.timestamp()) - 10),
    "for a service": lambda auth: auth.signs(aud="services"),
    "without a session": lambda auth: _without(auth, "sid"),
    "a changed payload": lambda auth: _tampered(auth.signs()),
    "not signed": lambda auth: _unsigned(auth.signs()),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_is_not_good_is_refused(forgery: str, auth: Auth, verifier: Verifier) -> None:
    """Whatever is wrong with it, the answer is the same kind of refusal."""
    token = FORGERIES[forgery](auth)

    with pytest.raises(Unauthenticated):
        verifier.user(token)


def test_a_portal_token_opens_nothing_for_staff(auth: Auth, verifier: Verifier) -> None:
    """The planes are separated by the token's audience."""
    token = auth.signs(aud="portal", patients=["p1"])

    with pytest.raises(Unauthenticated):
        verifier.user(token, Plane.STAFF)

    assert verifier.user(token, Plane.PORTAL).patients == ("p1",)


def test_a_token_that_was_good_ends_at_its_time(auth: Auth, verifier: Verifier, time: Time) -> None:
    """A remembered check does not outlive the token."""
    token = auth.signs()
    verifier.user(token)

    time.passes(606)

    with pytest.raises(Unauthenticated):
        verifier.user(token)


def test_revocation_bites_although_the_check_is_remembered(auth: Auth, verifier: Verifier, revoked: Revoked) -> None:
    """Sign-out must refuse the very next call."""
    token = auth.signs()
    verifier.user(token)

    revoked.sessions.add("s1")

    with pytest.raises(Unauthenticated):
        verifier.user(token)


def test_a_new_key_is_fetched_when_a_token_names_it(auth: Auth, verifier: Verifier, time: Time) -> None:
    """Key rotation needs no restart, and unknown keys do not make us ask auth again and again."""
    verifier.user(auth.signs())
    auth.keys.append(ECKey.generate_key("P-256", {"kid": "two"}))
    token = auth.signs()
    with pytest.raises(Unauthenticated):
        verifier.user(token)
    asked = auth.asked

    time.passes(REFETCH_AFTER)

    assert verifier.user(token).user_id == "u1"
    assert auth.asked == asked + 1


def test_auth_being_away_is_no_refusal_of_the_token(auth: Auth, verifier: Verifier) -> None:
    """Nobody is told to sign in again because the keys could not be fetched."""
    token = auth.signs()
    auth.away = True

    with pytest.raises(Unavailable):
        verifier.user(token)


def test_whoever_has_keys_is_ready_whatever_is_asked_of_auth(auth: Auth, keys: KeySource, time: Time) -> None:
    """A stranger's token names a key nobody knows, and auth hangs: no reason to take a gateway out of service."""
    assert keys.answers()
    time.passes(REFETCH_AFTER)

    with ThreadPoolExecutor(2) as callers:
        auth.flows.clear()
        stranger = callers.submit(keys.key, "nobody's")
        wait_until(lambda: auth.asked == 2, within_s=5, what="auth being asked about it")
        ready = callers.submit(keys.answers)
        try:
            wait_until(ready.done, within_s=5, what="an answer while auth hangs")
        finally:
            auth.flows.set()

    assert ready.result()
    assert isinstance(stranger.exception(), Unauthenticated)


def test_auth_is_not_asked_in_vain_for_every_token(auth: Auth, keys: KeySource, time: Time) -> None:
    """It could not be asked a moment ago: the next ones hear that at once, and it is asked again soon."""
    keys.answers()
    time.passes(REFETCH_AFTER)
    auth.away = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            keys.key("two")
    in_vain = auth.asked - 1
    auth.away = False
    auth.keys.append(ECKey.generate_key("P-256", {"kid": "two"}))

    time.passes(1)

    assert in_vain == 1
    assert keys.key("two").kid == "two"


def test_a_failure_of_long_ago_turns_nobody_away(auth: Auth, keys: KeySource, time: Time) -> None:
    """Auth is well: whoever comes while one caller asks it waits for the answer."""
    auth.away = True
    with pytest.raises(Unavailable):
        keys.key("one")
    auth.away = False
    time.passes(3_600)

    with ThreadPoolExecutor(4) as callers:
        auth.flows.clear()
        asked = [callers.submit(keys.key, "one") for _ in range(4)]
        wait_until(lambda: auth.asked == 2, within_s=5, what="auth being asked")
        auth.flows.set()

    assert [one.result().kid for one in asked] == ["one"] * 4


def test_while_auth_goes_on_hanging_one_token_waits(auth: Auth, keys: KeySource, time: Time) -> None:
    """All others hear at once that it cannot be asked."""
    auth.away = True
    with pytest.raises(Unavailable):
        keys.key("one")
    auth.away = False
    time.passes(1)

    with ThreadPoolExecutor(8) as callers:
        auth.flows.clear()
        asked = [callers.submit(keys.key, "one") for _ in range(8)]
        try:
            wait_until(lambda: sum(one.done() for one in asked) == 7, within_s=5, what="all but one being answered")
        finally:
            auth.flows.set()

    told = sorted(type(one.exception()).__name__ for one in asked)
    assert told == ["NoneType"] + ["Unavailable"] * 7


def test_only_the_named_services_get_in(auth: Auth, verifier: Verifier) -> None:
    """A service's token is good for those who may call here, a user's token never."""
    gateway = auth.signs(aud="services", client_id="staff-gateway", sub="staff-gateway")

    assert verifier.service(gateway, {"staff-gateway"}).client_id == "staff-gateway"
    for token, allowed in ((gateway, {"portal-gateway"}), (auth.signs(), {"messages-cli"}), (None, {"staff-gateway"})):
        with pytest.raises(Unauthenticated):
            verifier.service(token, allowed)


def test_a_services_own_token_is_kept_and_renewed_before_its_end(auth: Auth, time: Time) -> None:
    """One fetch serves many calls; a minute before the end a new one is fetched."""
    http = httpx.Client(transport=httpx.MockTransport(auth), base_url="http://auth")
    own = ServiceToken(http, client_id="staff-gateway", secret="s" * 32, clock=time)
    first = own.value()

    time.passes(539)
    still = own.value()
    time.passes(2)
    renewed = own.value()

    assert first == still
    assert renewed != first


def _without(auth: Auth, claim: str) -> str:
    now = int(START.timestamp())
    payload = {"iss": ISSUER, "sub": "u1", "jti": "t", "iat": now, "exp": now + 600, "client_id": "c", "aud": "staff"}
    payload.pop(claim, None)
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "one"}, payload, auth.keys[0])


def _tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    changed = payload[:-4] + ("AAAA" if payload[-4:] != "AAAA" else "BBBB")
    return f"{head}.{changed}.{signature}"


def _unsigned(token: str) -> str:
    _, payload, _ = token.split(".")
    return f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoib25lIn0.{payload}."
