"""WebSocket frames as a server writes them (RFC 6455 section 5): whole, unmasked, uncompressed, ready bytes.

A frame made here is the same for everybody who gets it, so what goes to many is framed once.
"""

import struct

_TEXT = 0x81
_CLOSE = 0x88
_PING = 0x89
_PONG = 0x8A
_SHORT = 125
_MEDIUM = 65_535
_REASON_BYTES = 123

PING = bytes((_PING, 0))
"""A ping without payload; every WebSocket client answers it by itself."""


def text(payload: bytes) -> bytes:
    """Return one text message holding `payload`, which is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def close(code: int | None, reason: str = "") -> bytes:
    """Return a close frame, without a code when there is none; a reason beyond 123 bytes is cut between characters."""
    if code is None:
        return _head(_CLOSE, 0)
    words = reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
    return _head(_CLOSE, 2 + len(words)) + struct.pack("!H", code) + words


def pong(payload: bytes) -> bytes:
    """Return the answer to a ping: the same payload, at most 125 bytes (section 5.5.3)."""
    return _head(_PONG, len(payload)) + payload


def _head(first: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes((first, length))
    if length <= _MEDIUM:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)
