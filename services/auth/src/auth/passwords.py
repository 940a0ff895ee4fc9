"""Passwords: argon2id, made and checked where they stop nobody else.

An unknown e-mail address costs the same hash as a known one, so time tells nothing. `offload` runs the hash:
in place under threads, on gevent's thread pool where one process serves everything.
"""

import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from secrets import token_bytes

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Offload = Callable[[Callable[[], str | bool]], str | bool]

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
"""The first of OWASP's equal choices for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane."""

AT_ONCE = 4
"""Hashes computed at the same time; the others wait, so a flood of sign-ins cannot take all memory."""


def in_place(work: Callable[[], str | bool]) -> str | bool:
    """Run the hash in the calling thread; argon2 lets other threads run meanwhile."""
    return work()


class Passwords:
    """Hashes and checks passwords; never keeps, shows or logs one."""

    def __init__(self, offload: Offload = in_place) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._offload = offload
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._decoy = _decoy()

    def hash(self, password: str) -> str:
        """Return the argon2id hash to store for `password`."""
        with self._room:
            return str(self._offload(lambda: self._hasher.hash(_normal(password))))

    def matches(self, stored: str | None, password: str) -> bool:
        """Tell whether `password` is the one that was stored; without one, do the same work and say no."""
        with self._room:
            right = bool(self._offload(lambda: self._verify(stored or self._decoy, password)))
        return right and bool(stored)

    def outdated(self, stored: str) -> bool:
        """Tell whether the stored hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _normal(password))
        except (VerificationError, InvalidHashError):
            return False


def _decoy() -> str:
    """Return a hash that costs what a real one costs and that no password has made."""
    salt, made = (b64encode(token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${made}"


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
