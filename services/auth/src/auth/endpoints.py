"""Revoking a token (RFC 7009) and explaining one (RFC 7662)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from auth.calls import CLIENT_METHODS, SECRET_METHODS, Parts
from auth.clients import Client
from auth.model import Session
from auth.tokens import ACCESS_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A token that somebody shows to be revoked or explained, as Authlib wants it."""

    client_id: str
    session: Session | None
    claims: Mapping[str, Any]

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return not self.claims


class Revocation(RevocationEndpoint):  # type: ignore[misc] # Authlib ships no types
    """RFC 7009. Revoking any token of a session ends the session and the browser's sign-in it came from."""

    CLIENT_AUTH_METHODS = CLIENT_METHODS

    def check_params(self, request: OAuth2Request, client: Client) -> None:  # noqa: ARG002 - Authlib's signature
        _require_token(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Presented | None:  # noqa: ARG002 - both kinds are told apart by their form
        parts: Parts = self.server.parts
        session = parts.sessions.by_refresh_token(token_string)
        if session is None:
            claims = parts.tokens.read(token_string) or {}
            session = (
                parts.sessions.by_id(claims["sid"]) if claims.get("typ") == ACCESS_TYPE and "sid" in claims else None
            )
        return Presented(client_id=session.client_id, session=session, claims={}) if session else None

    def revoke_token(self, token: Presented, request: OAuth2Request) -> None:  # noqa: ARG002 - Authlib's signature
        if token.session is not None:
            self.server.parts.sessions.sign_out(token.session)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc] # Authlib ships no types
    """RFC 7662, for our own confidential services only."""

    CLIENT_AUTH_METHODS = SECRET_METHODS

    def check_params(self, request: OAuth2Request, client: Client) -> None:  # noqa: ARG002 - Authlib's signature
        _require_token(request)

    def check_permission(self, token: Presented, client: Client, request: OAuth2Request) -> bool:  # noqa: ARG002 - Authlib's signature
        return not client.public

    def query_token(self, token_string: str, token_type_hint: str | None) -> Presented | None:  # noqa: ARG002 - access tokens only
        parts: Parts = self.server.parts
        claims = parts.tokens.read(token_string) or {}
        if claims.get("typ") != ACCESS_TYPE:
            return None
        person = "sid" in claims
        if person and parts.sessions.alive(claims["sid"], int(claims["iat"])) is None:
            return None
        shown = {name: value for name, value in claims.items() if name != "typ"}
        return Presented(client_id=claims["client_id"], session=None, claims=shown)

    def introspect_token(self, token: Presented) -> dict[str, Any]:
        return {"active": True, "token_type": "Bearer", **token.claims}


def _require_token(call: OAuth2Request) -> None:
    """Ask for a token; a hint about its kind is not needed and may say anything (RFC 7009 section 2.1)."""
    if not call.form.get("token"):
        raise InvalidRequestError("Missing 'token' in request.")
