"""What an access token says of its bearer (protocol.md section 2; RFC 9068).

Claims are made only from a payload whose signature was checked; they never show the bearer's name in a repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wire.ids import OrganisationId, PatientId, SessionId, UserId

SERVICES = "services"
"""The audience of the tokens that services show each other (client_credentials)."""


class Plane(StrEnum):
    """The two worlds; also the audience of a user's access token."""

    STAFF = "staff"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """A signed-in person: who, in which organisation, on which plane, with which rights, until when (unix seconds)."""

    user_id: UserId
    session_id: SessionId
    token_id: str
    organisation_id: OrganisationId
    name: str = field(repr=False)
    plane: Plane
    permissions: frozenset[str]
    patients: tuple[PatientId, ...]
    client_id: str
    issued_at: int
    expires_at: int

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "Claims":
        """Read a verified token payload; KeyError or ValueError when it is no user's access token."""
        return cls(
            user_id=UserId(payload["sub"]),
            session_id=SessionId(payload["sid"]),
            token_id=payload["jti"],
            organisation_id=OrganisationId(payload["org"]),
            name=payload["name"],
            plane=Plane(payload["aud"]),
            permissions=frozenset(payload.get("permissions", ())),
            patients=tuple(PatientId(patient) for patient in payload.get("patients", ())),
            client_id=payload["client_id"],
            issued_at=int(payload["iat"]),
            expires_at=int(payload["exp"]),
        )

    def may(self, permission: str) -> bool:
        """Tell whether the token grants `permission`."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClaims:
    """A service that calls another one: its client id and the end of its token (unix seconds)."""

    client_id: str
    expires_at: int

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "ServiceClaims":
        """Read a verified client_credentials payload; KeyError or ValueError when it is none."""
        if payload["aud"] != SERVICES:
            raise ValueError("not a service's token")
        return cls(client_id=payload["client_id"], expires_at=int(payload["exp"]))
