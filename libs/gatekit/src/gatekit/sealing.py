"""Small values sealed into cookies: nobody outside reads or changes one (JWE, RFC 7516; `dir` with A256GCM).

Each purpose has a key of its own, so that a value sealed for one purpose opens for no other.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
_LONGEST: Final = 4096


class Seal:
    """Closes and opens values under the key that `secret` gives for one `purpose`."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256))

    def close(self, value: Mapping[str, Any]) -> str:
        """Return `value` as a sealed text that is safe in a cookie."""
        return jwe.encrypt_compact(
            dict(_HEADER), orjson.dumps(dict(value)), self._key, algorithms=list(_HEADER.values())
        )

    def open(self, text: str) -> dict[str, Any] | None:
        """Return the value sealed in `text`; None when it was not sealed here for this purpose, or was changed."""
        if len(text) > _LONGEST:
            return None
        try:
            opened = jwe.decrypt_compact(text, self._key, algorithms=list(_HEADER.values()))
            value = orjson.loads(opened.plaintext or b"null")
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        return value if isinstance(value, dict) else None
