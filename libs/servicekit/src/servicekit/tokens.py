"""Access tokens: checking those that callers show, and getting the ones this service shows others.

A token is good when auth signed it, it is meant for this door, it has not ended and nobody revoked it. Signature checks
are cached until the token's end, revocations are asked each time: they are what must bite at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, Protocol, TypeVar

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from servicekit.clock import Clock
from servicekit.http import call
from wire.claims import SERVICES, Claims, Plane, ServiceClaims
from wire.problems import Problem, Unauthenticated, Unavailable

T = TypeVar("T")

ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no secret
SKEW = 5
"""Seconds by which two machines' clocks may differ."""
REFETCH_AFTER = 5
"""Seconds between two fetches of the key set because of a key id nobody knows."""
HANGS_FOR = 15
"""Seconds for which a failed fetch makes all but one caller go on at once: one that hangs fails sooner than that."""
ASK_AGAIN_AFTER = 1
"""Seconds between two fetches of the key set where the first one failed."""
TOKENS_CACHED = 20_000
RENEW_BEFORE = 60
"""Seconds before its end at which a service's own token is renewed."""


class RevocationList(Protocol):
    """Who is no longer welcome although the token has not ended: `servicekit.changes.Revocations`, or none at all."""

    def revoked(self, *, session_id: str, user_id: str, issued_at: int) -> bool:
        """Tell whether a token of this session and user, issued at this unix second, was revoked."""


class KeySource:
    """Auth's public keys (RFC 7517), fetched when first needed and again when a token names a key not among them.

    While auth cannot be asked one caller at a time waits for it, and whoever has keys is ready all the same.
    """

    def __init__(self, http: httpx.Client, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched_at = 0.0
        self._failed_at: float | None = None
        """When a fetch failed; None once one succeeded."""
        self._lock = threading.Lock()

    def key(self, key_id: str) -> Any:  # noqa: ANN401 - joserfc's key classes share no public type
        """Return the public key; Unauthenticated when auth does not know it, Unavailable when auth cannot be asked."""
        if key_id not in self._keys:
            self._learn(key_id)
        try:
            return self._keys[key_id]
        except KeyError:
            raise Unauthenticated("The token was not signed by us.") from None

    def answers(self) -> bool:
        """Tell whether keys are at hand, fetching them if there are none."""
        if self._keys:
            return True
        with self._lock:
            if not self._keys:
                self._fetch()
        return bool(self._keys)

    def _learn(self, key_id: str) -> None:
        if not self._lock.acquire(blocking=not self._failed_within(HANGS_FOR)):
            raise Unavailable
        try:
            self._fetch_unless_fresh(key_id)
        finally:
            self._lock.release()

    def _fetch_unless_fresh(self, key_id: str) -> None:
        now = self._clock().timestamp()
        if key_id in self._keys or (self._keys and now - self._fetched_at < REFETCH_AFTER):
            return
        if self._failed_within(ASK_AGAIN_AFTER):
            raise Unavailable
        self._fetch()

    def _failed_within(self, seconds: float) -> bool:
        return self._failed_at is not None and self._clock().timestamp() - self._failed_at < seconds

    def _fetch(self) -> None:
        try:
            answer = call(self._http, "GET", "/auth/jwks.json")
        except Problem:
            self._failed_at = self._clock().timestamp()
            raise
        self._keys = {key.kid: key for key in KeySet.import_key_set(orjson.loads(answer.content)).keys if key.kid}
        self._fetched_at, self._failed_at = self._clock().timestamp(), None


class Verifier:
    """Turns a token into the claims of whoever shows it, or into Unauthenticated."""

    def __init__(self, *, issuer: str, keys: KeySource, revocations: RevocationList, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._users: _Remembered[Claims] = _Remembered(TOKENS_CACHED)
        self._services: _Remembered[ServiceClaims] = _Remembered(100)

    def user(self, token: str, plane: Plane | None = None) -> Claims:
        """Return whose access token this is; `plane`, when given, is the only one welcome here."""
        claims = self._users.get(token) or self._users.put(token, self._checked(token, Claims.from_payload))
        if plane is not None and claims.plane is not plane:
            raise Unauthenticated("This token is not for this door.")
        if claims.expires_at + SKEW <= self._clock().timestamp():
            raise Unauthenticated("The token has ended.")
        if self._revocations.revoked(session_id=claims.session_id, user_id=claims.user_id, issued_at=claims.issued_at):
            raise Unauthenticated("The token was revoked.")
        return claims

    def service(self, token: str | None, allowed: Collection[str]) -> ServiceClaims:
        """Return which service calls; Unauthenticated unless it is one of the `allowed` client ids."""
        if not token:
            raise Unauthenticated("Only our own services call here.")
        claims = self._services.get(token) or self._services.put(
            token, self._checked(token, ServiceClaims.from_payload)
        )
        if claims.client_id not in allowed or claims.expires_at + SKEW <= self._clock().timestamp():
            raise Unauthenticated("Only our own services call here.")
        return claims

    def _checked(self, token: str, read: Callable[[Mapping[str, Any]], T]) -> T:
        try:
            decoded = jwt.decode(
                token, lambda obj: self._keys.key(str(obj.headers().get("kid"))), algorithms=[ALGORITHM]
            )
            if decoded.header.get("typ") != TOKEN_TYPE:
                raise ValueError("another kind of token")
            payload = decoded.claims
            if payload["iss"] != self._issuer or payload["iat"] > self._clock().timestamp() + SKEW:
                raise ValueError("another issuer, or from the future")
            return read(payload)
        except Problem:
            raise
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as refused:
            raise Unauthenticated("The token is not good here.") from refused


class ServiceToken:
    """This service's own token for the others (client_credentials), kept until shortly before its end."""

    def __init__(self, http: httpx.Client, *, client_id: str, secret: str, clock: Clock) -> None:
        self._http = http
        self._client_id = client_id
        self._secret = secret
        self._clock = clock
        self._value = ""
        self._ends = 0.0
        self._lock = threading.Lock()

    def value(self) -> str:
        """Return a token good for at least a minute; Unavailable when auth gives none."""
        with self._lock:
            if self._clock().timestamp() >= self._ends - RENEW_BEFORE:
                self._renew()
            return self._value

    def header(self) -> dict[str, str]:
        """Return the header that shows the token."""
        return {"Authorization": f"Bearer {self.value()}"}

    def forget(self) -> None:
        """Fetch a new token next time: somebody refused this one."""
        with self._lock:
            self._ends = 0.0

    def _renew(self) -> None:
        form = {"grant_type": "client_credentials", "audience": SERVICES}
        try:
            answer = self._http.post("/auth/token", data=form, auth=(self._client_id, self._secret))
            granted = orjson.loads(answer.raise_for_status().content)
        except (httpx.HTTPError, orjson.JSONDecodeError) as refused:
            raise Unavailable("The sign-in service gave us no token.") from refused
        self._value = granted["access_token"]
        self._ends = self._clock().timestamp() + int(granted["expires_in"])


class _Remembered(Generic[T]):
    """The newest few results by token, the least recently asked for forgotten first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, token: str) -> T | None:
        with self._lock:
            found = self._held.get(token)
            if found is not None:
                self._held.move_to_end(token)
            return found

    def put(self, token: str, claims: T) -> T:
        with self._lock:
            self._held[token] = claims
            while len(self._held) > self._size:
                self._held.popitem(last=False)
            return claims
