"""The paths of one plane (protocol.md section 1), all under one root so that one cookie serves them."""

from dataclasses import dataclass

from wire.claims import Plane


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a plane's pages, sign-in, REST, socket and static files are."""

    plane: Plane
    root: str
    pages: str

    @property
    def login(self) -> str:
        """Begin to sign in; takes `next`, a page of ours."""
        return f"{self.root}/login"

    @property
    def callback(self) -> str:
        """Where the issuer sends the browser back to."""
        return f"{self.root}/callback"

    @property
    def logout(self) -> str:
        """Sign out (POST)."""
        return f"{self.root}/logout"

    @property
    def api(self) -> str:
        """Where REST begins."""
        return f"{self.root}/api"

    @property
    def live(self) -> str:
        """The socket's handshake."""
        return f"{self.root}/live"

    @property
    def static(self) -> str:
        """Where the pages' files are."""
        return f"{self.root}/static"


STAFF = Addresses(plane=Plane.STAFF, root="/messaging", pages="/messaging")
PORTAL = Addresses(plane=Plane.PORTAL, root="/portal", pages="/portal/messages")
