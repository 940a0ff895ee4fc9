"""What auth signs: access tokens (RFC 9068), the services' tokens and id tokens (OpenID Connect Core 2), all ES256.

An access token is issued a second after its person's last revocation at the earliest, so that "every token issued up
to then" never takes a token issued afterwards with it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from auth.keys import ALGORITHM, TOKEN_LIFE, SigningKeys
from auth.model import Account, Granted, Kind
from servicekit.clock import Clock
from wire.claims import SERVICES
from wire.ids import Ids

ACCESS_TYPE = "at+jwt"
LIFE = int(TOKEN_LIFE.total_seconds())
SKEW = 5


class Tokens:
    """Signs what is granted, and reads back what it signed."""

    def __init__(self, *, issuer: str, keys: SigningKeys, clock: Clock, ids: Ids) -> None:
        self.issuer = issuer
        self._keys = keys
        self._clock = clock
        self._ids = ids

    def access(self, granted: Granted) -> str:
        """Return the access token of a person's session."""
        account, session = granted.account, granted.session
        issued_at = _issued_at(account, granted.at)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": str(session.plane),
            "sub": account.id,
            "sid": session.id,
            "jti": self._ids(),
            "iat": issued_at,
            "exp": issued_at + LIFE,
            "client_id": session.client_id,
            "org": account.org,
            "name": account.name,
        }
        if account.kind is Kind.STAFF:
            claims["permissions"] = list(account.permissions)
        else:
            claims["patients"] = list(account.patients)
        return self._sign(claims, ACCESS_TYPE)

    def service(self, client_id: str) -> str:
        """Return the token with which one of our services calls another."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": SERVICES,
            "sub": client_id,
            "jti": self._ids(),
            "iat": now,
            "exp": now + LIFE,
            "client_id": client_id,
        }
        return self._sign(claims, ACCESS_TYPE)

    def identity(self, granted: Granted, more: Mapping[str, Any]) -> str:
        """Return the id token that tells a client who signed in; `more` is what Authlib adds (nonce, at_hash, …)."""
        now = int(granted.at.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": granted.session.client_id,
            "sub": granted.account.id,
            "sid": granted.session.id,
            "iat": now,
            "exp": now + LIFE,
            "auth_time": int(granted.session.signed_in_at.timestamp()),
            "name": granted.account.name,
        }
        return self._sign(claims | dict(more), "JWT")

    def read(self, token: str, *, ended_too: bool = False) -> dict[str, Any] | None:
        """Return the claims of a token that auth signed and that has not ended, else None.

        `ended_too` lets an old one pass: a logout's hint need not be fresh (OpenID RP-Initiated Logout 2).
        """
        try:
            decoded = jwt.decode(token, self._keys.verifying(), algorithms=[ALGORITHM])
            claims = dict(decoded.claims) | {"typ": decoded.header.get("typ")}
            now = self._clock().timestamp()
            fresh = float(claims["iat"]) <= now + SKEW and (ended_too or now < float(claims["exp"]) + SKEW)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return claims if fresh and claims.get("iss") == self.issuer else None

    def _sign(self, claims: dict[str, Any], kind: str) -> str:
        key = self._keys.signing()
        return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def _issued_at(account: Account, at: datetime) -> int:
    return max(int(at.timestamp()), (account.tokens_before or 0) + (1 if account.tokens_before else 0))
