"""What auth takes away ends at the sockets within a second.

Promises: a session that ended, a person who may no longer be here and every token that is no longer good close or
renew exactly the sockets concerned; a change that takes nothing away touches nobody.
"""

from collections.abc import Iterable
from typing import Final

from realtime.connection import Connection
from realtime.hub import Hub
from wire.changes import Account, Change, ChangeType
from wire.frames import CloseCode
from wire.permissions import Permission
from wire.problems import PermissionRequired, Problem

_ENDS_EVERY_SESSION: Final = frozenset({"password", "signed_out_everywhere"})
_REASONS: Final = {CloseCode.SIGNED_OUT: "signed out", CloseCode.PERMISSION_LOST: "the permission was taken away"}


class Revoker:
    """Closes the sockets a change concerns."""

    def __init__(self, hub: Hub, permission: Permission | None) -> None:
        """Know the permission this plane asks for, if any."""
        self._hub = hub
        self._permission = permission

    def apply(self, change: Change) -> None:
        """Do what one change of auth's log means for the sockets here."""
        if change.type is ChangeType.SESSION_REVOKED:
            if change.session_id is not None:
                _send_away(self._hub.of_session(change.session_id), CloseCode.SIGNED_OUT)
            return
        sockets = self._hub.of_user(change.user_id)
        if change.user is not None and not change.user.active:
            _send_away(sockets, CloseCode.SIGNED_OUT)
        elif change.user is not None and not self._grants(change.user):
            _send_away(sockets, CloseCode.PERMISSION_LOST)
        elif change.tokens_before is not None:
            for connection in sockets:
                _take_tokens(connection, change.reason, change.tokens_before)

    def code_for(self, refused: Problem) -> CloseCode:
        """Return how a socket ends whose token was refused."""
        return CloseCode.PERMISSION_LOST if isinstance(refused, PermissionRequired) else CloseCode.SIGNED_OUT

    def _grants(self, user: Account) -> bool:
        return self._permission is None or self._permission in user.permissions


def _take_tokens(connection: Connection, reason: str, before: int) -> None:
    if connection.session.claims.issued_at > before:
        return
    if reason in _ENDS_EVERY_SESSION:
        _send_away((connection,), CloseCode.SIGNED_OUT)
    else:
        connection.token_taken()


def _send_away(connections: Iterable[Connection], code: CloseCode) -> None:
    for connection in connections:
        connection.leave(code, _REASONS[code])
