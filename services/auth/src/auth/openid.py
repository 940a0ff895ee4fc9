"""The OpenID provider: Authlib checks each request by its RFC, our use cases decide, `tokens` signs.

Answers of the authorization endpoint name their issuer (RFC 9207).
"""

import logging
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Request
from flask import Flask, Response, json, request

from auth.calls import CLIENT_METHODS, SECRET_METHODS, Call, Parts
from auth.clients import COMMAND_LINE, SCOPES
from auth.endpoints import Introspection, Revocation
from auth.grants import CodeGrant, IdToken, PasswordGrant, RefreshGrant, RequiredChallenge, ServiceGrant
from auth.keys import ALGORITHM
from auth.model import Granted
from auth.tokens import LIFE

AUTHORIZE = "/auth/authorize"

# Authlib's debug lines would show user names and tokens.
logging.getLogger("authlib").setLevel(logging.WARNING)


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


def discovery(issuer: str, *, password_grant: bool) -> dict[str, Any]:
    """Return the provider's description of itself (OpenID Connect Discovery 3, RFC 8414)."""
    grant_types = ["authorization_code", "refresh_token", "client_credentials"]
    methods = CLIENT_METHODS if password_grant else SECRET_METHODS
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
        "introspection_endpoint_auth_methods_supported": SECRET_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "name", "email", "org"],
        "prompt_values_supported": ["none", "login"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["en", "es"],
    }
