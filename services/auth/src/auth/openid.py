"""The OpenID provider: Authlib checks each request by its RFC, our use cases decide, `tokens` signs.

- Authorization code with PKCE S256, required of every client (RFC 7636, RFC 9700 2.1.1), answers name their issuer
  (RFC 9207), id tokens for the scope `openid`.
- Refresh tokens rotate for a public client; for the two gateways they are bound to the client's secret instead
  (RFC 9700 4.14.2) and stay the same, so that replicas, tabs and sockets never race.
- Parameters are taken from the query at the authorization endpoint and from the form at all others.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode
from authlib.oidc.core.util import create_half_hash
from flask import Flask, Response, json, request
from werkzeug.datastructures import MultiDict

from auth.clients import COMMAND_LINE, SCOPES, Client
from auth.keys import ALGORITHM
from auth.model import Account, Browser, Code, Granted, Session
from auth.service import CodeRequest, Sessions, SignIn
from auth.tokens import ACCESS_TYPE, LIFE, Tokens
from wire.claims import SERVICES, Plane

WRONG_SIGN_IN = "The user name or the password is wrong, or signing in is locked for a while."
AUTHORIZE = "/auth/authorize"
CLIENT_METHODS = ["client_secret_basic", "client_secret_post", "none"]

# Authlib's debug lines would show user names and tokens.
logging.getLogger("authlib").setLevel(logging.WARNING)

Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who stands at the authorization endpoint, and since when."""

    account: Account
    browser: Browser


class Form(BasicOAuth2Payload):  # type: ignore[misc] # Authlib ships no types
    """The parameters of one call, from one place only."""

    def __init__(self, values: MultiDict[str, str]) -> None:
        super().__init__(values)
        self._datalist = dict(values.lists())


class Call(OAuth2Request):  # type: ignore[misc] # Authlib ships no types
    """A call as Authlib wants it.

    Whether it came over TLS is the edge's business: inside, services call each other in plain http.
    """

    def __init__(self, values: MultiDict[str, str]) -> None:
        super().__init__(request.method, f"https://auth{request.path}", headers=request.headers)
        self._values = values
        self.payload = Form(values)

    @property
    def args(self) -> MultiDict[str, str]:
        return self._values

    @property
    def form(self) -> MultiDict[str, str]:
        return self._values


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the provider stands on."""

    clients: Mapping[str, Client]
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens


class Provider(AuthorizationServer):  # type: ignore[misc] # Authlib ships no types
    """Authlib's server with our clients, grants and endpoints."""

    def __init__(self, app: Flask, parts: Parts) -> None:
        super().__init__(app, query_client=parts.clients.get, save_token=None)
        self.parts = parts
        self.register_grant(CodeGrant, [RequiredChallenge(required=True), IdToken(parts.tokens)])
        self.register_grant(RefreshGrant)
        self.register_grant(ServiceGrant)
        if COMMAND_LINE in parts.clients:
            self.register_grant(PasswordGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def create_oauth2_request(self, _request: object) -> OAuth2Request:
        return Call(request.args if request.path == AUTHORIZE else request.form)

    def handle_response(self, status_code: int, payload: Any, headers: Any) -> Response:  # noqa: ANN401 - Authlib's signature
        body = json.dumps(payload) if isinstance(payload, dict) else payload
        # 303: the browser must not send the sign-in form on to the client (RFC 9700 section 4.12).
        return Response(body, status=303 if status_code == 302 else status_code, headers=dict(headers))  # noqa: PLR2004

    def with_issuer(self, location: str) -> str:
        """Return the redirect with the issuer named (RFC 9207)."""
        return str(add_params_to_uri(location, {"iss": self.parts.tokens.issuer}))

    def answer(self, granted: Granted) -> dict[str, Any]:
        """Return the token endpoint's successful answer."""
        answer = {
            "access_token": self.parts.tokens.access(granted),
            "refresh_token": granted.refresh_token,
            "token_type": "Bearer",
            "expires_in": LIFE,
        }
        return answer | ({"scope": granted.session.scope} if granted.session.scope else {})


class RequiredChallenge(CodeChallenge):  # type: ignore[misc] # Authlib ships no types
    """PKCE by S256 and nothing else, for every client."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:  # noqa: ANN401 - Authlib's signature
        asked = grant.request.payload.data
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A 'code_challenge' with the 'code_challenge_method' S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)

    def get_authorization_code_challenge(self, authorization_code: "WaitingCode") -> str:
        return authorization_code.code.challenge

    def get_authorization_code_challenge_method(self, authorization_code: "WaitingCode") -> str:  # noqa: ARG002 - Authlib's signature
        return "S256"


class IdToken(OpenIDCode):  # type: ignore[misc] # Authlib ships no types
    """Adds an id token where the scope asks for one."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(require_nonce=False)
        self._tokens = tokens

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:  # noqa: ARG002 - codes are good once, so a nonce is too
        return False

    def encode_id_token(self, token: dict[str, Any], request: OAuth2Request) -> str:
        granted: Granted = request.user
        more = {"at_hash": create_half_hash(token["access_token"], ALGORITHM).decode()}
        nonce = request.authorization_code.code.nonce
        more |= {"nonce": nonce} if nonce else {}
        if "email" in granted.session.scope.split():
            more["email"] = granted.account.email
        return self._tokens.identity(granted, more)


@dataclass(frozen=True, slots=True)
class WaitingCode:
    """A code as Authlib wants it."""

    code: Code

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.scope


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc] # Authlib ships no types
    """RFC 6749 section 4.1: a code for a session, once."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def generate_authorization_code(self) -> str:
        signed_in: SignedIn = self.request.user
        asked = self.request.payload.data
        wanted = CodeRequest(
            client_id=self.request.client.client_id,
            redirect_uri=asked["redirect_uri"],
            scope=self.request.scope,
            nonce=asked.get("nonce"),
            challenge=asked["code_challenge"],
        )
        return str(self.server.parts.sessions.issue_code(signed_in.account, signed_in.browser, wanted))

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Nothing left to do: it is stored when it is made."""

    def query_authorization_code(self, code: str, client: Client) -> WaitingCode | None:
        found = self.server.parts.sessions.find_code(code, client.client_id)
        return WaitingCode(found) if found else None

    def create_token_response(self) -> Answer:
        granted = self.server.parts.sessions.redeem(self.request.authorization_code.code)
        if granted is None:
            raise InvalidGrantError("Invalid 'code' in request.")
        self.request.user = granted
        answer = 200, self.server.answer(granted), self.TOKEN_RESPONSE_HEADER
        self.execute_hook("after_create_token_response", answer)
        return answer


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc] # Authlib ships no types
    """RFC 6749 section 6."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def validate_token_request(self) -> None:
        self.request.client = self._validate_request_client()
        if not self.request.form.get("refresh_token"):
            raise InvalidRequestError("Missing 'refresh_token' in request.")
        if self.request.form.get("scope"):
            raise InvalidScopeError("A session keeps the scope it began with.")

    def create_token_response(self) -> Answer:
        client: Client = self.request.client
        presented = self.request.form["refresh_token"]
        granted = self.server.parts.sessions.refresh(presented, client.client_id, rotates=client.public)
        if granted is None:
            raise InvalidGrantError("The refresh token is not, or no longer, good.")
        return 200, self.server.answer(granted), self.TOKEN_RESPONSE_HEADER


class ServiceGrant(grants.ClientCredentialsGrant):  # type: ignore[misc] # Authlib ships no types
    """RFC 6749 section 4.4: one of our services calls another."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def validate_token_request(self) -> None:
        super().validate_token_request()
        if self.request.form.get("scope"):
            raise InvalidScopeError("A service's token has no scope.")
        if self.request.form.get("audience", SERVICES) != SERVICES:
            raise InvalidRequestError("The 'audience' of a service's token is services.")

    def create_token_response(self) -> Answer:
        access_token = self.server.parts.tokens.service(self.request.client.client_id)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": LIFE}
        return 200, answer, self.TOKEN_RESPONSE_HEADER


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):  # type: ignore[misc] # Authlib ships no types
    """RFC 6749 section 4.3, for demos and tests: there is a client for it only where it was switched on."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def validate_token_request(self) -> None:
        if self.request.form.get("audience") not in set(Plane):
            self.request.client = self.authenticate_token_endpoint_client()
            raise InvalidRequestError("The 'audience' must be staff or portal.")
        super().validate_token_request()

    def authenticate_user(self, username: str, password: str) -> Account:
        account = self.server.parts.sign_in.check(username, password, Plane(self.request.form["audience"]))
        if account is None:
            raise InvalidGrantError(WRONG_SIGN_IN)
        return account  # type: ignore[no-any-return] # the server is Authlib's, untyped

    def create_token_response(self) -> Answer:
        granted = self.server.parts.sessions.open(self.request.user, self.request.client.client_id)
        if granted is None:
            raise InvalidGrantError(WRONG_SIGN_IN)
        return 200, self.server.answer(granted), self.TOKEN_RESPONSE_HEADER


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

    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

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


def discovery(issuer: str, *, password_grant: bool) -> dict[str, Any]:
    """Return the provider's description of itself (OpenID Connect Discovery 3, RFC 8414)."""
    grant_types = ["authorization_code", "refresh_token", "client_credentials"]
    secrets = ["client_secret_basic", "client_secret_post"]
    methods = [*secrets, "none"] if password_grant else secrets
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks.json",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [*grant_types, "password"] if password_grant else grant_types,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": secrets,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "name", "email", "org"],
        "prompt_values_supported": ["none", "login"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["en", "es"],
    }


def _require_token(call: OAuth2Request) -> None:
    """Ask for a token; a hint about its kind is not needed and may say anything (RFC 7009 section 2.1)."""
    if not call.form.get("token"):
        raise InvalidRequestError("Missing 'token' in request.")
