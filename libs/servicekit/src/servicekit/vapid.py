"""Who we are to the browsers' push services: a key of ours, and the word it signs for each of them (RFC 8292).

Promises: the private key shows nowhere but in what was configured; a signature names one push service and ends within
a day, so what one of them sees opens nothing at another; no key, no push.

`python -m servicekit.vapid` makes a new pair and prints it as the settings want it.
"""

import base64
import binascii
import sys
import threading
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from servicekit.clock import Clock

ALGORITHM: Final = "ES256"
GOOD_FOR_S: Final = 12 * 3600
"""Half of what RFC 8292 section 2 allows at most."""
RENEWED_BEFORE_S: Final = 3600
SCALAR_BYTES: Final = 32
WORDS_KEPT: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class VapidKey:
    """A key pair on P-256."""

    _private: ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, text: str) -> "VapidKey":
        """Return the key of 32 bytes in base64url, or of a PEM; ValueError when it is neither."""
        if "PRIVATE KEY" in text:
            return cls(_of_pem(text))
        try:
            scalar = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raise ValueError("not base64url") from None
        if len(scalar) != SCALAR_BYTES:
            raise ValueError("not 32 bytes")
        return cls(ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1()))

    @classmethod
    def made(cls) -> "VapidKey":
        """Return a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def private(self) -> str:
        """The key itself, for the setting."""
        return _base64url(self._private.private_numbers().private_value.to_bytes(SCALAR_BYTES))

    @property
    def public(self) -> str:
        """What browsers and push services are shown: the uncompressed point, in base64url (RFC 8292 section 3.2)."""
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        return _base64url(self._private.public_key().public_bytes(*point))

    def jwk(self) -> ECKey:
        """Return the key as what signs."""
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return ECKey.import_key(pem)


class Vapid:
    """Signs for us; a word once signed serves until an hour before its end."""

    def __init__(self, key: VapidKey, *, contact: str, clock: Clock) -> None:
        """`contact` is where a push service's operator reaches ours: `mailto:` or `https:`."""
        self.public = key.public
        self._key = key.jwk()
        self._contact = contact
        self._clock = clock
        self._words: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def header(self, audience: str) -> dict[str, str]:
        """Return the Authorization for the push service of this origin (`https://host`)."""
        return {"Authorization": f"vapid t={self._word(audience)}, k={self.public}"}

    def _word(self, audience: str) -> str:
        now = self._clock().timestamp()
        with self._lock:
            ends, word = self._words.get(audience, (0.0, ""))
            if ends - now > RENEWED_BEFORE_S:
                return word
            if len(self._words) >= WORDS_KEPT:
                self._words.clear()
            ends = now + GOOD_FOR_S
            claims = {"aud": audience, "exp": int(ends), "sub": self._contact}
            word = jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, self._key)
            self._words[audience] = ends, word
            return word


def _of_pem(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("not a private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a key on P-256")  # noqa: TRY004 - of a kind we cannot use
    return key


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def main() -> None:
    """Make a key and print it, and the one to remember it by."""
    key = VapidKey.made()
    sys.stdout.write(f"PUSH_VAPID_PRIVATE_KEY={key.private}\n# public, as the browsers see it: {key.public}\n")


if __name__ == "__main__":
    main()
