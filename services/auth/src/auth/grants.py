"""What may be changed into tokens: a code, a refresh token, a service's secret, and for demos a password.

- Authorization code with PKCE S256, required of every client (RFC 7636, RFC 9700 2.1.1); an id token for the scope
  `openid`.
- Refresh tokens rotate for a public client; for the two gateways they are bound to the client's secret instead
  (RFC 9700 4.14.2) and stay the same, so that replicas, tabs and sockets never race.
"""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, OAuth2Request, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from authlib.oidc.core.util import create_half_hash

from auth.calls import CLIENT_METHODS, SECRET_METHODS, SignedIn
from auth.clients import Client
from auth.keys import ALGORITHM
from auth.model import Account, Code, Granted
from auth.service import CodeRequest
from auth.tokens import LIFE, Tokens
from wire.claims import SERVICES, Plane

WRONG_SIGN_IN = "The user name or the password is wrong, or signing in is locked for a while."

Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class WaitingCode:
    """A code as Authlib wants it."""

    code: Code

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.scope


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

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS

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
