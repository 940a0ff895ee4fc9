"""Signing out at the issuer, also when it is away just then: what could not be said is said again until it is heard.

Only a bounded number waits; the oldest gives way, and its session ends at the issuer by its own age.
"""

from collections import deque
from typing import Final, Protocol

from gatekit.issuer import SignInRefusedError
from servicekit.background import Stop
from servicekit.log import get_logger
from wire.problems import Unavailable

_PAUSE: Final = 2.0
_CAPACITY: Final = 1_000

log = get_logger()


class Revokes(Protocol):
    """Ends a session by its refresh token (the issuer)."""

    def revoke(self, refresh_token: str) -> None:
        """Return once the session is over; Unavailable."""


class Farewells:
    """Ends sessions at the issuer."""

    def __init__(self, issuer: Revokes) -> None:
        self._issuer = issuer
        self._waiting: deque[str] = deque(maxlen=_CAPACITY)

    @property
    def waiting(self) -> int:
        """How many sessions the issuer has not heard the end of."""
        return len(self._waiting)

    def say(self, refresh_token: str) -> None:
        """End the session now, or as soon as the issuer answers."""
        if not self._heard(refresh_token):
            log.warning("sign_out.waits", waiting=len(self._waiting) + 1)
            self._waiting.append(refresh_token)

    def repeat(self) -> None:
        """Say once more what was not heard, oldest first, until one is not heard again."""
        while self._waiting and self._heard(self._waiting[0]):
            self._waiting.popleft()

    def run(self, stop: Stop) -> None:
        """Repeat until it is time to end."""
        while not stop.wait(_PAUSE):
            self.repeat()

    def _heard(self, refresh_token: str) -> bool:
        try:
            self._issuer.revoke(refresh_token)
        except Unavailable:
            return False
        except SignInRefusedError:
            return True
        return True
