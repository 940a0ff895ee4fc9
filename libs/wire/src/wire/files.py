"""What crosses a process about files: how large one may be, where the outside finds it, and what goes with its bytes.

Between a gateway and conversations a file travels as the body of a call; what it is called, which is nobody's business
on the way, goes in a header and never in an address.
"""

from typing import Final
from urllib.parse import quote, unquote

from wire.claims import Plane

LARGEST: Final = 25_000_000
"""Bytes of one file: 25 MB."""
NAME_CHARS: Final = 1_000
"""Characters of a name as somebody sends it; what is kept of it is far shorter."""
NAME: Final = "X-File-Name"
"""The header that carries a file's name, percent-encoded UTF-8."""
SHOWN: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Security-Policy",
    "Content-Type",
    "ETag",
)
"""The headers of an answer with a file that a gateway passes on; it adds those of all its answers."""
ASKED: Final = ("If-None-Match", "If-Range", "Range")
"""The headers of a question for a file that a gateway passes on."""

_ROOTS: Final = {Plane.STAFF: "/messaging/api", Plane.PORTAL: "/portal/api"}


def address(plane: Plane, attachment_id: str) -> str:
    """Return the public path of a file on a plane."""
    return f"{_ROOTS[plane]}/attachments/{attachment_id}"


def thumbnail_address(plane: Plane, attachment_id: str) -> str:
    """Return the public path of its thumbnail."""
    return f"{address(plane, attachment_id)}?size=thumbnail"


def packed(name: str) -> str:
    """Return a name as the header carries it."""
    return quote(name[:NAME_CHARS], safe="", errors="replace")


def unpacked(header: str) -> str:
    """Return the name that a header carries."""
    return unquote(header, errors="replace")
