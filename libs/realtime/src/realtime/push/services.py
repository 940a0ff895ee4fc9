"""Which push services we call: a browser names the address of its own, and whoever names one chooses whom we call.

Promises: https only, no name and password, no fragment; hosts of the list only; a host that the list names by a
pattern is called at public addresses only, on its usual port, whatever its name says when it is looked up: the
address that was judged is the address that is called. An address inside the clinic is called only where the operator
named that very origin.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

BROWSERS: Final = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""Chrome, Edge and their kin; Chrome before it is released; Firefox; Safari; Edge of old."""
HTTPS_PORT: Final = 443
LONGEST: Final = 2_048
ANY: Final = "*"

Address = tuple[str, int]


class Refused(Exception):
    """This address is not called; the message is a sentence without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A push resource, judged by its name."""

    origin: str
    host: str
    port: int
    inside: bool
    """Whether the operator named this very origin, so that it may be anywhere."""


class PushServices:
    """The services that are called: hosts, `*.` patterns, `*` for any public one, or whole origins (`https://…`)."""

    def __init__(self, named: Sequence[str] = ()) -> None:
        """Know those that were named, or else the browsers' own."""
        named = named or BROWSERS
        self._origins = frozenset(one.rstrip("/").lower() for one in named if "://" in one)
        self._hosts = tuple(one.lower() for one in named if "://" not in one)

    def judge(self, endpoint: str) -> Endpoint:
        """Return what this address is; Refused when it is none of theirs."""
        if len(endpoint) > LONGEST or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
            raise Refused("The address is not one of a push service.")
        try:
            parts = urlsplit(endpoint)
            host, port = (parts.hostname or "").rstrip("."), parts.port or HTTPS_PORT
        except ValueError:
            raise Refused("The address is not one of a push service.") from None
        if parts.scheme != "https" or not host or parts.username is not None or parts.fragment or "\\" in endpoint:
            raise Refused("The address must begin with https:// and the name of a push service.")
        origin = f"https://{host}" if port == HTTPS_PORT else f"https://{host}:{port}"
        inside = origin in self._origins
        if not inside and (port != HTTPS_PORT or _is_address(host) or not self._lists(host)):
            raise Refused("This push service is not one that this clinic calls.")
        return Endpoint(origin=origin, host=host, port=port, inside=inside)

    def accepts(self, endpoint: str) -> str | None:
        """Return why this address is not called; None when it is."""
        try:
            self.judge(endpoint)
        except Refused as refused:
            return str(refused)
        return None

    def addresses(self, endpoint: Endpoint) -> list[Address]:
        """Look the host up; Refused when any of its addresses is not a public one, OSError when it has none."""
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        addresses = [(str(place[0]), int(place[1])) for *_, place in found]
        if not endpoint.inside and not all(_is_public(address) for address, _ in addresses):
            raise Refused("The push service's name leads to an address that is not public.")
        return addresses

    def _lists(self, host: str) -> bool:
        return any(_matches(pattern, host) for pattern in self._hosts)


def _matches(pattern: str, host: str) -> bool:
    if pattern == ANY:
        return "." in host
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _is_address(host: str) -> bool:
    """Tell whether this is a number, or what resolvers take for one: 0x7f.1, 2130706433 (WHATWG URL 3.5)."""
    last = host.rpartition(".")[2]
    return ":" in host or last.isdigit() or last.startswith("0x")


def _is_public(address: str) -> bool:
    number = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None)
    return number.is_global and not number.is_multicast and (mapped is None or mapped.is_global)
