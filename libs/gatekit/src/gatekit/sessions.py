"""A browser's session, kept whole in its cookie: any replica of the gateway can serve it, and none stores it.

Promises: the cookie is sealed under a key of its plane (`gatekit.sealing`), HttpOnly, SameSite=Lax, Secure on https;
one that was changed, has ended or belongs to the other plane counts as none.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from flask import Request, Response

from gatekit.sealing import Seal
from servicekit.clock import Clock
from wire.claims import Plane
from wire.ids import SessionId

LONGEST: Final = timedelta(hours=12)
"""After this a person signs in again, whatever happened in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSession:
    """Somebody signed in with a browser; the refresh token stays inside the gateway's reach."""

    session_id: SessionId
    refresh_token: str = field(repr=False)
    plane: Plane
    ends_at: int


class SessionCookie:
    """Reads, writes and clears the cookie `<plane>_session` under `path`."""

    def __init__(self, *, plane: Plane, path: str, secret: str, secure: bool, clock: Clock) -> None:
        self.name = f"{plane}_session"
        self._plane = plane
        self._path = path
        self._secure = secure
        self._clock = clock
        self._seal = Seal(secret, self.name)

    def present(self, request: Request) -> bool:
        """Tell whether the browser sent the cookie at all, good or not."""
        return self.name in request.cookies

    def read(self, request: Request) -> BrowserSession | None:
        """Return the session in the request's cookie, or None when there is no good one."""
        kept = self._seal.open(request.cookies.get(self.name, ""))
        if kept is None or not self._now() < kept["ends_at"]:
            return None
        return BrowserSession(
            session_id=SessionId(kept["session_id"]),
            refresh_token=kept["refresh_token"],
            plane=self._plane,
            ends_at=kept["ends_at"],
        )

    def begin(self, response: Response, *, session_id: SessionId, refresh_token: str) -> BrowserSession:
        """Put a fresh session into the response's cookie and return it."""
        session = BrowserSession(
            session_id=session_id,
            refresh_token=refresh_token,
            plane=self._plane,
            ends_at=self._now() + int(LONGEST.total_seconds()),
        )
        kept = {
            "session_id": session.session_id,
            "refresh_token": session.refresh_token,
            "ends_at": session.ends_at,
        }
        response.set_cookie(
            self.name,
            self._seal.close(kept),
            max_age=LONGEST,
            path=self._path,
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )
        return session

    def clear(self, response: Response) -> None:
        """Make the browser forget the session."""
        response.delete_cookie(self.name, path=self._path, secure=self._secure, httponly=True, samesite="Lax")

    def _now(self) -> int:
        return int(self._clock().timestamp())
