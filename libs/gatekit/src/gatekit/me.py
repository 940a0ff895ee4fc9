"""Who is signed in, as `GET /me` and the socket's `hello` tell it (protocol.md sections 4 and 5)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wire.claims import Claims
from wire.files import LARGEST
from wire.text import BODY_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the doors take at most."""

    body_chars: int = BODY_CHARS
    attachment_bytes: int = LARGEST
    sends_per_minute: int


def me(claims: Claims, told: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Return what the signed-in person learns of themselves; `told` is what conversations answered to `GET /me`."""
    return {
        "user": {name: told["user"][name] for name in ("id", "name", "kind")},
        "org": {name: told["org"][name] for name in ("id", "name")},
        "permissions": sorted(claims.permissions),
        "unread_total": told["unread_total"],
        "limits": asdict(limits),
    }
