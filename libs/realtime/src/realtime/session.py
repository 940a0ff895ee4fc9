"""Who sits at a socket: the claims of a token, and how the next token is had.

Promises: a socket never changes its user, session or plane; a bearer socket renews by the `token` op and ends with its
token; a browser's socket renews by itself through its gateway, well before its token's end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from servicekit.clock import Clock
from wire.claims import Claims, Plane
from wire.permissions import Permission
from wire.problems import Invalid, PermissionRequired, Unauthenticated

SPARE_S: Final = 60.0
"""How long before its end a browser's token is renewed, at the least; twice that at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A verified access token. `renew` is set for a browser's session: it fetches the next token from the issuer.

    `renew` raises Unauthenticated when the session is over, PermissionRequired when the person may no longer be here,
    Unavailable when the issuer cannot be asked right now.
    """

    claims: Claims
    access_token: str = field(repr=False)
    renew: Callable[[], "Credentials"] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """What lets a token in on one plane: `verify` accepts it there, and it grants the permission asked for, if any."""

    plane: Plane
    verify: Callable[[str], Claims]
    permission: Permission | None

    def admit(self, token: str) -> Claims:
        """Return the token's claims; Unauthenticated, PermissionRequired or Unavailable."""
        claims = self.verify(token)
        if self.permission is not None and not claims.may(self.permission):
            raise PermissionRequired
        return claims


class Session:
    """The person at one socket, and the token they show at present."""

    def __init__(self, credentials: Credentials, doorkeeper: Doorkeeper, clock: Clock, spread: float) -> None:
        """Begin with the handshake's credentials; `spread` (0 to 1) keeps sockets from renewing all at once."""
        self._credentials = credentials
        self._doorkeeper = doorkeeper
        self._clock = clock
        self._spread = spread

    @property
    def claims(self) -> Claims:
        """Who it is."""
        return self._credentials.claims

    @property
    def access_token(self) -> str:
        """The token that goes with everything this person asks for."""
        return self._credentials.access_token

    @property
    def renews_itself(self) -> bool:
        """Tell a browser's session from a bearer's."""
        return self._credentials.renew is not None

    def still_welcome(self) -> None:
        """Raise Unauthenticated or PermissionRequired when the present token no longer opens this door."""
        self._doorkeeper.admit(self.access_token)

    def ended(self) -> bool:
        """Tell whether the present token is over."""
        return self._now() >= self.claims.expires_at

    def renewal_due(self) -> bool:
        """Tell whether it is time for a browser's next token."""
        if not self.renews_itself:
            return False
        lifetime = self.claims.expires_at - self.claims.issued_at
        ahead = min(SPARE_S * (1 + self._spread), lifetime / 4)
        return self._now() >= self.claims.expires_at - ahead

    def renew(self) -> None:
        """Fetch a browser's next token; Unauthenticated, PermissionRequired or Unavailable."""
        renew = self._credentials.renew
        if renew is None:
            raise Unauthenticated
        self._replace(renew())

    def take(self, access_token: str) -> Claims:
        """Go on with the token a client sent; Invalid unless it is the same person's in the same session."""
        if self.renews_itself:
            raise Invalid("This socket renews its token by itself.")
        self._replace(Credentials(claims=self._doorkeeper.admit(access_token), access_token=access_token))
        return self.claims

    def _replace(self, fresh: Credentials) -> None:
        if _identity(fresh.claims) != _identity(self.claims):
            raise Invalid("This token is another person's, or another session's.")
        self._credentials = fresh

    def _now(self) -> float:
        return self._clock().timestamp()


def _identity(claims: Claims) -> tuple[str, ...]:
    return (claims.user_id, claims.session_id, claims.organisation_id, claims.plane)
