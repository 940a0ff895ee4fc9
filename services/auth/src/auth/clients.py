"""The programs that may ask for tokens: fixed by the product, their secrets by the settings.

The two gateways are confidential and have registered addresses; `conversations` only calls other services;
`messages-cli` is public and there only where the password grant is switched on.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import ClientMixin

from auth.settings import Settings
from wire.claims import Plane

SCOPES = ("openid", "profile", "email", "offline_access")
STAFF_GATEWAY = "staff-gateway"
PORTAL_GATEWAY = "portal-gateway"
CONVERSATIONS = "conversations"
COMMAND_LINE = "messages-cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(ClientMixin):  # type: ignore[misc] # Authlib ships no types
    """A registered client (RFC 6749 section 2). Without a secret it is public."""

    client_id: str
    secret: str = field(default="", repr=False)
    plane: Plane | None = None
    grants: frozenset[str] = frozenset()
    redirect_uris: tuple[str, ...] = ()
    after_logout: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Whether the client can keep no secret, so that its refresh tokens must rotate."""
        return not self.secret

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        asked = (scope or "").split()
        return " ".join(one for one in SCOPES if one in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        shown, kept = client_secret.encode("utf-8", "surrogatepass"), self.secret.encode()
        return bool(self.secret) and hmac.compare_digest(shown, kept)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if endpoint == "introspection" and self.public:
            return False
        return (method == "none") if self.public else method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grants


def registered(settings: Settings) -> Mapping[str, Client]:
    """Return the clients by id."""
    origin = settings.public_origin
    browser = frozenset({"authorization_code", "refresh_token", "client_credentials"})
    clients = [
        Client(
            client_id=STAFF_GATEWAY,
            secret=settings.staff_gateway_secret,
            plane=Plane.STAFF,
            grants=browser,
            redirect_uris=(f"{origin}/messaging/callback",),
            after_logout=(f"{origin}/messaging", f"{origin}/messaging/login", f"{origin}/messaging/logout"),
        ),
        Client(
            client_id=PORTAL_GATEWAY,
            secret=settings.portal_gateway_secret,
            plane=Plane.PORTAL,
            grants=browser,
            redirect_uris=(f"{origin}/portal/callback",),
            after_logout=(f"{origin}/portal/messages", f"{origin}/portal/login", f"{origin}/portal/logout"),
        ),
        Client(
            client_id=CONVERSATIONS,
            secret=settings.conversations_secret,
            grants=frozenset({"client_credentials"}),
        ),
    ]
    if settings.password_grant:
        clients.append(Client(client_id=COMMAND_LINE, grants=frozenset({"password", "refresh_token"})))
    return {client.client_id: client for client in clients}
