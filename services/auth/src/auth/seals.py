"""Keys for one purpose each, derived from the one secret of the service, and hashes of what others hold.

Whoever reads the database learns no refresh token, code, cookie or signing key from it.
"""

import hashlib
import hmac
import secrets


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only `secret` and `purpose` together give (HMAC-SHA256)."""
    return hmac.digest(secret.encode(), b"messages auth: " + purpose.encode(), "sha256")


def stamp(key: bytes, text: str) -> str:
    """Return the seal of `text` under `key`, as hex."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def stamped(key: bytes, text: str, seal: str) -> bool:
    """Tell in constant time whether `seal` is the seal of `text`."""
    return hmac.compare_digest(stamp(key, text).encode(), seal.encode("utf-8", "surrogatepass"))


def digest(token: str) -> str:
    """Return what is stored of a random token: its SHA-256, as hex. Random tokens need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return 256 random bits for a cookie, a code or a refresh token."""
    return secrets.token_urlsafe(32)
