"""The issuer's word about who signed in: signed, for us, for this attempt (OpenID Connect Core 3.1.3.7)."""

import hmac
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from servicekit.clock import Clock
from servicekit.tokens import ALGORITHM, SKEW, KeySource
from wire.problems import Problem, Unauthenticated

_REQUIRED: Final = ("iss", "sub", "aud", "exp", "nonce")


class IdentityTokens:
    """Checks ID tokens issued to one client."""

    def __init__(self, keys: KeySource, *, issuer: str, client_id: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_id = client_id
        self._clock = clock

    def insist(self, id_token: str, *, nonce: str, user_id: str) -> None:
        """Raise Unauthenticated unless the token was issued to us, for this person and this attempt."""
        told = self._told(id_token)
        audience = told["aud"] if isinstance(told["aud"], list) else [told["aud"]]
        right = (
            told["iss"] == self._issuer
            and self._client_id in audience
            and told["sub"] == user_id
            and told["exp"] + SKEW > self._clock().timestamp()
            and hmac.compare_digest(str(told["nonce"]).encode(), nonce.encode())
        )
        if not right:
            raise Unauthenticated("The sign-in does not fit together.")

    def _told(self, id_token: str) -> dict[str, Any]:
        try:
            decoded = jwt.decode(
                id_token, lambda obj: self._keys.key(str(obj.headers().get("kid"))), algorithms=[ALGORITHM]
            )
            return {name: decoded.claims[name] for name in _REQUIRED}
        except Problem:
            raise
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as refused:
            raise Unauthenticated("The sign-in does not fit together.") from refused
