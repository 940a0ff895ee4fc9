"""Signing in by the password grant (protocol.md section 2), where the clinic has it on, as the demo has.

Promises: the password is used once; what follows goes by the refresh token. Who was signed out is not signed in again
behind their back; only where an answer got lost, and with it perhaps the one good refresh token, is the password used
once more.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from client.lost import LineLost
from client.tokens import Token
from wire.claims import Plane
from wire.problems import Unauthenticated, Unavailable

CLIENT_ID: Final = "messages-cli"
_SERVER_ERROR: Final = 500


class SignInRefused(Unauthenticated):
    """The issuer does not let this person in; `error` is its word for why (RFC 6749 section 5.2)."""

    def __init__(self, error: str, detail: str | None = None) -> None:
        super().__init__(detail)
        self.error = error


class Password:
    """A source of tokens for `client.tokens.Tokens`."""

    def __init__(
        self,
        http: httpx.Client,
        plane: Plane,
        username: str,
        password: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Say who signs in where: `http` has the clinic's origin as its base address."""
        self._http = http
        self._who = {"audience": str(plane), "username": username, "password": password}
        self._clock = clock
        self.refresh_token: str | None = None

    def __call__(self) -> Token:
        """Return a fresh token; SignInRefused, Unavailable or LineLost."""
        known, self.refresh_token = self.refresh_token, None
        if known is None:
            return self._granted(grant_type="password", **self._who)
        try:
            return self._granted(grant_type="refresh_token", refresh_token=known)
        except (SignInRefused, Unavailable):
            self.refresh_token = known
            raise

    def sign_out(self) -> None:
        """End the session (RFC 7009)."""
        known, self.refresh_token = self.refresh_token, None
        if known is not None:
            self._post("/auth/revoke", token=known)

    def _granted(self, **form: str) -> Token:
        asked_at = self._clock()
        answer = self._post("/auth/token", **form)
        if answer.status_code >= _SERVER_ERROR:
            raise Unavailable("The issuer is not available right now.")
        told: dict[str, Any] = answer.json()
        if not answer.is_success:
            raise SignInRefused(told.get("error", "invalid_request"), told.get("error_description"))
        self.refresh_token = told["refresh_token"]
        return Token(access_token=told["access_token"], expires_at=asked_at + told["expires_in"])

    def _post(self, path: str, **form: str) -> httpx.Response:
        try:
            return self._http.post(path, data={"client_id": CLIENT_ID, **form})
        except httpx.ConnectError as refused:
            raise Unavailable("The issuer cannot be reached.") from refused
        except httpx.HTTPError as lost:
            raise LineLost("the issuer's answer did not come") from lost
