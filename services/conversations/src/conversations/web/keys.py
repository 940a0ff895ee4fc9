"""The two keys of every call: the gateway's service token, and the access token of the user it calls for.

Each gateway may bring users of its own plane only, so what one gateway is tricked into carrying opens nothing here.
"""

from __future__ import annotations

from flask import Request

from servicekit.doors import bearer_token
from servicekit.tokens import Verifier
from wire.claims import Claims, Plane
from wire.problems import Unauthenticated

GATEWAYS = {"staff-gateway": Plane.STAFF, "portal-gateway": Plane.PORTAL}
USER_TOKEN = "X-User-Token"  # noqa: S105 - a header's name


class Keys:
    """Checks both keys."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def plane(self, service_token: str | None) -> Plane:
        """Return the plane of the gateway that shows this token; Unauthenticated when it is none."""
        return GATEWAYS[self._verifier.service(service_token, GATEWAYS).client_id]

    def user(self, token: object, plane: Plane) -> Claims:
        """Return whose token this is; Unauthenticated unless it is good, and of this plane."""
        if not isinstance(token, str) or not token:
            raise Unauthenticated("The user's own token is missing.")
        return self._verifier.user(token, plane)

    def caller(self, call: Request) -> Claims:
        """Return the user for whom a gateway calls."""
        return self.user(call.headers.get(USER_TOKEN), self.plane(bearer_token(call)))
