"""The issuer as a gateway, its confidential client, sees it: OpenID Connect Core 3.1, PKCE (RFC 7636), RFC 7009.

The browser goes to the issuer's public address; the gateway's own calls take the inside one. Authlib builds the
addresses and the challenge; its client object is not used for the calls, because it keeps the last token in itself
and answers from there: shared between greenlets it could hand one person's token to another.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from wire.problems import Unavailable

_SCOPE: Final = "openid profile"
_TOKEN: Final = "/auth/token"  # noqa: S105 - a path
_REVOKE: Final = "/auth/revoke"


class SignInRefusedError(Exception):
    """The issuer said no (RFC 6749 section 5.2); `error` is its code, such as `invalid_grant`."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a completed sign-in gives."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    id_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in under way: what the callback must bring back, and where the person wanted to go."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    destination: str

    @classmethod
    def fresh(cls, destination: str) -> "Attempt":
        """Return an attempt that nobody can guess."""
        return cls(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            destination=destination,
        )


class Issuer:
    """Makes the addresses to send a browser to, and the back-channel calls."""

    def __init__(self, http: httpx.Client, *, public: str, client_id: str, secret: str, callback: str) -> None:
        self.public = public
        self.client_id = client_id
        self.callback = callback
        self._http = http
        self._auth = httpx.BasicAuth(client_id, secret)

    def sign_in_address(self, attempt: Attempt) -> str:
        """Return where the browser goes to sign in."""
        address: str = prepare_grant_uri(
            f"{self.public}/authorize",
            self.client_id,
            "code",
            redirect_uri=self.callback,
            scope=_SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return address

    def sign_out_address(self, back: str) -> str:
        """Return where the browser goes to end its session at the issuer too (OpenID RP-Initiated Logout)."""
        return f"{self.public}/logout?" + urlencode({"client_id": self.client_id, "post_logout_redirect_uri": back})

    def redeem(self, code: str, verifier: str) -> Grant:
        """Change an authorization code into tokens; SignInRefusedError or Unavailable."""
        answer = self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.callback,
                "code_verifier": verifier,
            }
        )
        try:
            return Grant(
                access_token=answer["access_token"],
                refresh_token=answer["refresh_token"],
                id_token=answer["id_token"],
            )
        except KeyError as incomplete:
            raise SignInRefusedError("incomplete") from incomplete

    def refresh(self, refresh_token: str) -> str:
        """Return a fresh access token; SignInRefusedError when the session is over, Unavailable."""
        answer = self._token({"grant_type": "refresh_token", "refresh_token": refresh_token})
        access_token = answer.get("access_token")
        if not isinstance(access_token, str):
            raise Unavailable
        return access_token

    def revoke(self, refresh_token: str) -> None:
        """End the session that the token belongs to; Unavailable when the issuer did not confirm it."""
        self._post(_REVOKE, {"token": refresh_token, "token_type_hint": "refresh_token"})

    def _token(self, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = orjson.loads(self._post(_TOKEN, form).content)
        except orjson.JSONDecodeError as unreadable:
            raise Unavailable from unreadable
        return answer if isinstance(answer, dict) else {}

    def _post(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        try:
            answer = self._http.post(path, data=form, auth=self._auth)
        except httpx.HTTPError as away:
            raise Unavailable from away
        if answer.is_success:
            return answer
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> Exception:
    """Tell a person's refusal from trouble between the services, which must not sign anybody out."""
    try:
        error = orjson.loads(answer.content).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return Unavailable()
    if error in {"invalid_grant", "access_denied", "unauthorized_client", "invalid_request"}:
        return SignInRefusedError(error)
    return Unavailable()
