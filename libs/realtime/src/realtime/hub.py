"""Which sockets are open here, found by user and by session in both directions.

Promises: adding and removing touch one user's entries only; nobody is sent to while a live set is being walked, because
every walk is over a copy; one socket's failure harms no other. Of a user's sockets too many, the newest is refused:
closing the oldest instead would make eleven open tabs chase each other for ever.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from realtime.connection import Connection
from realtime.metrics import CONNECTIONS, DELIVERIES, USERS
from realtime.pushes import Push
from servicekit.log import failure, get_logger
from wire.ids import SessionId, UserId

SOCKETS_PER_USER: Final = 10

Key = TypeVar("Key", UserId, SessionId)
Sockets = dict[Connection, None]
"""A set that keeps its order: the oldest first."""

log = get_logger()


class Hub:
    """The open sockets of one gateway process."""

    def __init__(self, *, plane: str, sockets_per_user: int = SOCKETS_PER_USER) -> None:
        self._plane = plane
        self._sockets_per_user = sockets_per_user
        self._by_user: dict[UserId, Sockets] = {}
        self._by_session: dict[SessionId, Sockets] = {}
        self._count = 0
        self._deliveries = DELIVERIES.labels(plane=plane)
        self._connections = CONNECTIONS.labels(plane=plane)
        self._users = USERS.labels(plane=plane)

    def __len__(self) -> int:
        return self._count

    def add(self, connection: Connection) -> bool:
        """Take a socket in; False when its user has too many already."""
        claims = connection.session.claims
        if len(self._by_user.get(claims.user_id, ())) >= self._sockets_per_user:
            return False
        self._by_user.setdefault(claims.user_id, {})[connection] = None
        self._by_session.setdefault(claims.session_id, {})[connection] = None
        self._count += 1
        self._report()
        return True

    def remove(self, connection: Connection) -> None:
        """Forget a socket; one that never came in is nothing to forget."""
        claims = connection.session.claims
        if connection not in self._by_user.get(claims.user_id, ()):
            return
        _drop(self._by_user, claims.user_id, connection)
        _drop(self._by_session, claims.session_id, connection)
        self._count -= 1
        self._report()

    def of_user(self, user_id: UserId) -> tuple[Connection, ...]:
        """Return this user's sockets."""
        return tuple(self._by_user.get(user_id, ()))

    def of_session(self, session_id: SessionId) -> tuple[Connection, ...]:
        """Return this session's sockets."""
        return tuple(self._by_session.get(session_id, ()))

    def everyone(self) -> tuple[Connection, ...]:
        """Return every socket."""
        return tuple(connection for sockets in self._by_user.values() for connection in sockets)

    def each(self, do: Callable[[Connection], None]) -> None:
        """Do something with every socket."""
        for connection in self.everyone():
            try:
                do(connection)
            except Exception as error:  # noqa: BLE001 - the top of a loop: one socket's failure harms no other
                log.error("hub.socket_failed", user=connection.session.claims.user_id, **failure(error))

    def fan_out(self, audience: Iterable[UserId], push: Push) -> None:
        """Offer a push to every socket of its audience."""
        sockets = 0
        for user_id in audience:
            for connection in self.of_user(user_id):
                sockets += 1
                try:
                    connection.offer(push)
                except Exception as error:  # noqa: BLE001 - the top of a loop: one socket's failure harms no other
                    log.error("hub.offer_failed", user=user_id, **failure(error))
        self._deliveries.inc(sockets)

    def _report(self) -> None:
        self._connections.set(self._count)
        self._users.set(len(self._by_user))


def _drop(sockets_of: dict[Key, Sockets], key: Key, connection: Connection) -> None:
    sockets = sockets_of[key]
    del sockets[connection]
    if not sockets:
        del sockets_of[key]
