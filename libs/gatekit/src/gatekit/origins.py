"""Which web origins are ours: a browser's state-changing call and its handshake must come from one of them."""

from typing import Final
from urllib.parse import urlsplit

from wire.problems import OriginRefused

_LOOPBACK: Final = "http://127.0.0.1"
_LOCALHOST: Final = "http://localhost"


class Origins:
    """The public origin; where that is localhost, its twin 127.0.0.1 on the same port as well."""

    def __init__(self, public: str) -> None:
        self.public = public.rstrip("/")
        self.secure = urlsplit(self.public).scheme == "https"
        self._ours = frozenset({self.public, *_twins(self.public)})

    def ours(self, origin: str | None) -> bool:
        """Tell whether a browser's `Origin` header names us; a missing one does not."""
        return origin is not None and origin in self._ours

    def insist(self, origin: str | None) -> None:
        """Raise OriginRefused unless `origin` is ours."""
        if not self.ours(origin):
            raise OriginRefused

    def twin_of_public(self, origin: str) -> bool:
        """Tell whether `origin` is ours under its other name, where sign-in cannot end."""
        return origin in self._ours and origin != self.public


def _twins(public: str) -> tuple[str, ...]:
    for one, other in ((_LOCALHOST, _LOOPBACK), (_LOOPBACK, _LOCALHOST)):
        if public == one or public.startswith(one + ":"):
            return (other + public.removeprefix(one),)
    return ()
