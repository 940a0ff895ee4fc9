"""Who is calling: a program by its bearer token, or a browser by its session cookie.

Promises: a bearer token needs no cookie and no Origin; a cookie's state-changing call needs an Origin of ours;
a token of the other plane opens nothing; where the plane asks for a permission, nobody comes in without it; nobody
makes more than their share of calls and handshakes a minute, so that a program gone wild slows nobody but its owner.
"""

from dataclasses import dataclass, field
from math import ceil
from typing import Final

from flask import Request

from gatekit.access import AccessTokens, Pass
from gatekit.origins import Origins
from gatekit.sessions import BrowserSession, SessionCookie
from servicekit.doors import bearer_token
from servicekit.shares import Shares
from servicekit.tokens import Verifier
from wire.claims import Claims, Plane
from wire.permissions import Permission
from wire.problems import PermissionRequired, RateLimited, Unauthenticated

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A signed-in caller; `session` is set for a browser, whose token the gateway can renew."""

    token: str = field(repr=False)
    claims: Claims
    session: BrowserSession | None


class Callers:
    """Recognises the callers of one plane."""

    def __init__(
        self,
        *,
        plane: Plane,
        permission: Permission | None,
        verifier: Verifier,
        cookie: SessionCookie,
        access: AccessTokens,
        origins: Origins,
        share: Shares,
    ) -> None:
        self.cookie = cookie
        self.origins = origins
        self._plane = plane
        self._permission = permission
        self._verifier = verifier
        self._access = access
        self._share = share

    def of_call(self, request: Request) -> Caller:
        """Return who makes a REST call.

        Unauthenticated, OriginRefused, PermissionRequired, RateLimited or Unavailable.
        """
        if "Authorization" in request.headers:
            return self._counted(self._by_token(request))
        if request.method not in _SAFE and self.cookie.present(request):
            self.origins.insist(request.headers.get("Origin"))
        return self._counted(self.admit(self.signed_in(request)))

    def of_handshake(self, request: Request) -> Caller:
        """Return who opens a socket; a browser must come from our origin, a program may say none but no foreign one."""
        if "Authorization" in request.headers:
            caller = self._by_token(request)
            if "Origin" in request.headers:
                self.origins.insist(request.headers.get("Origin"))
            return self._counted(caller)
        if self.cookie.present(request):
            self.origins.insist(request.headers.get("Origin"))
        return self._counted(self.admit(self.signed_in(request)))

    def signed_in(self, request: Request) -> Caller:
        """Return who sits at a browser, whether or not they may come in; Unauthenticated or Unavailable."""
        session = self.cookie.read(request)
        if session is None:
            raise Unauthenticated
        return _caller(self._access.current(session), session)

    def admit(self, caller: Caller) -> Caller:
        """Return the caller if they may come in; PermissionRequired."""
        if self._permission is not None and not caller.claims.may(self._permission):
            raise PermissionRequired
        return caller

    def renewed(self, caller: Caller) -> Caller:
        """Return the caller with a fresh token; Unauthenticated when there is no way to one."""
        if caller.session is None:
            raise Unauthenticated
        return self.admit(_caller(self._access.renewed(caller.session, caller.token), caller.session))

    def _counted(self, caller: Caller) -> Caller:
        wait = self._share.take(caller.claims.user_id)
        if wait is not None:
            raise RateLimited(f"At most {self._share.per_minute} calls a minute.", retry_after=max(1, ceil(wait)))
        return caller

    def _by_token(self, request: Request) -> Caller:
        token = bearer_token(request)
        if token is None:
            raise Unauthenticated
        return self.admit(Caller(token=token, claims=self._verifier.user(token, self._plane), session=None))


def _caller(shown: Pass, session: BrowserSession) -> Caller:
    return Caller(token=shown.token, claims=shown.claims, session=session)
