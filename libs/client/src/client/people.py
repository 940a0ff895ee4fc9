"""The two who use Messages, each with the calls of their plane and a live line.

with Staff("https://clinic.example", "nora@harbor.example", password) as nora:
    with nora.live(hear=print) as line:
        line.wait().send(conversation_id, "Good morning")
"""

from typing import Any, ClassVar, Self

import httpx

from client.calls import PATIENCE_S, Calls, PortalCalls, StaffCalls
from client.live import Live
from client.sign_in import Password
from client.tokens import Tokens
from wire.claims import Plane


class _SignedIn(Calls):
    """Someone who signs in with a password when their first call needs it, and out at the end of their `with`."""

    plane: ClassVar[Plane]
    root: ClassVar[str]

    def __init__(
        self,
        origin: str,
        username: str,
        password: str,
        *,
        http: httpx.Client | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Say where the clinic is and who calls; `http` brings settings of one's own, with `origin` as base address."""
        self._origin = origin
        self._own_http = http or httpx.Client(base_url=origin, timeout=PATIENCE_S)
        self._password = Password(self._own_http, self.plane, username, password)
        self.tokens = Tokens(self._password)
        super().__init__(self._own_http, f"{self.root}/api", self.tokens, patience_s=patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.sign_out()

    def live(self, **options: Any) -> Live:  # noqa: ANN401 - the options of Live
        """Return a live line, not started yet; the options are those of `Live`."""
        return Live(live_url(self._origin, self.root), self.tokens, **options)

    def sign_out(self) -> None:
        """End the session: the live lines of it are closed, and no token of it is good any more."""
        try:
            self._password.sign_out()
        finally:
            self._own_http.close()


class Staff(_SignedIn, StaffCalls):
    """A member of staff."""

    plane = Plane.STAFF
    root = "/messaging"


class Patient(_SignedIn, PortalCalls):
    """A patient, or who stands for one."""

    plane = Plane.PORTAL
    root = "/portal"


def live_url(origin: str, root: str) -> str:
    """Return the address of a plane's live socket."""
    return f"ws{origin.removeprefix('http')}{root}/live"
