"""Tokens nobody should accept, made as an attacker with some of the keys would make them."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from auth.keys import ALGORITHM, SigningKeys
from servicekit.clock import utc_now
from servicekit.database import engine
from tests.support.clinic import Clinic
from tests.support.person import new_id


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    return _opened(token.split(".")[1])


def header_of(token: str) -> dict[str, Any]:
    """Return a token's header, unchecked."""
    return _opened(token.split(".", maxsplit=1)[0])


class Signer:
    """Signs with the clinic's own key."""

    def __init__(self, clinic: Clinic) -> None:
        stored = engine(clinic.auth_database.url("auth"))
        self._key = SigningKeys(stored, secret=clinic.auth_secret, clock=utc_now, ids=new_id).signing()
        stored.dispose()

    def signs(self, claims: Mapping[str, Any], *, kind: str = "at+jwt") -> str:
        """Return a token that says this."""
        header = {"alg": ALGORITHM, "typ": kind, "kid": self._key.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM])


def forgeries(clinic: Clinic, token: str) -> dict[str, str]:
    """Return, by name, tokens that look like this good one and must all be refused."""
    claims, header = claims_of(token), header_of(token)
    head, body, signature = token.split(".")
    past = int(time.time()) - 3600
    signer = Signer(clinic)
    stranger = ECKey.generate_key("P-256", parameters={"kid": header["kid"]})
    more = {**claims, "permissions": [*claims.get("permissions", []), "pf.users.manage"]}
    return {
        "nonsense": "nonsense",
        "empty parts": "..",
        "expired": signer.signs({**claims, "iat": past - 600, "exp": past}),
        "from the future": signer.signs({**claims, "iat": past + 7200, "exp": past + 7800}),
        "of another issuer": signer.signs({**claims, "iss": "https://elsewhere.example/auth"}),
        "for another audience": signer.signs({**claims, "aud": "services"}),
        "without an end": signer.signs({name: value for name, value in claims.items() if name != "exp"}),
        "of another kind": signer.signs(claims, kind="JWT"),
        "signed by a stranger": jwt.encode(header, claims, stranger, algorithms=[ALGORITHM]),
        "unsigned": f"{_packed({**header, 'alg': 'none'})}.{body}.",
        "tampered": f"{head}.{_packed(more)}.{signature}",
        "half": f"{head}.{body}",
        "signature cut": f"{head}.{body}.{signature[:-8]}",
    }


def _opened(part: str) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return opened


def _packed(members: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")
