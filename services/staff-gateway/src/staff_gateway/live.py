"""The live socket's door on the staff plane: who may open it is settled before the upgrade, the rest is realtime's."""

from flask import Blueprint, Response, request

from gatekit.callers import Caller, Callers
from realtime.app import Realtime
from realtime.session import Credentials


def live_door(realtime: Realtime, callers: Callers) -> Blueprint:
    """Return the route of the socket; refused with 401, 403 or 503 before the handshake, as problem+json."""
    door = Blueprint("live", __name__)

    # Twice, because werkzeug tells the rules of handshakes from those of plain calls, which are refused alike.
    @door.get("/messaging/live")
    @door.get("/messaging/live", websocket=True)
    def live() -> Response:
        return realtime.open(request, credentials_of(callers.of_handshake(request), callers))

    return door


def credentials_of(caller: Caller, callers: Callers) -> Credentials:
    """Return the caller's token; a browser's session comes with the way to the next one."""
    if caller.session is None:
        return Credentials(claims=caller.claims, access_token=caller.token)
    return Credentials(
        claims=caller.claims,
        access_token=caller.token,
        renew=lambda: credentials_of(callers.renewed(caller), callers),
    )
