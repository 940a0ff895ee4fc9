"""What auth tells the others: a session ended, a user changed.

Changes carry gapless positions in the order of their commits; the broker and the polled list carry the same ones,
so whoever has seen position n and gets n + 1 has missed nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from wire.ids import OrganisationId, PatientId, SessionId, UserId


class ChangeType(StrEnum):
    """The two events of the exchange `auth.events`."""

    SESSION_REVOKED = "session.revoked"
    USER_CHANGED = "user.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A staff member or a portal user as the directory knows them; names never show in a repr."""

    id: UserId
    org: OrganisationId
    org_name: str
    kind: str
    name: str = field(repr=False)
    title: str | None
    active: bool
    permissions: tuple[str, ...]
    patients: tuple[PatientId, ...]

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "Account":
        """Read an account as auth sent it, ignoring members that are not known here."""
        return cls(
            id=UserId(members["id"]),
            org=OrganisationId(members["org"]),
            org_name=members["org_name"],
            kind=members["kind"],
            name=members["name"],
            title=members.get("title"),
            active=bool(members["active"]),
            permissions=tuple(members.get("permissions", ())),
            patients=tuple(PatientId(patient) for patient in members.get("patients", ())),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the account as it is sent."""
        return asdict(self) | {"permissions": list(self.permissions), "patients": list(self.patients)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of auth's log of changes.

    `session_id` is set for `session.revoked`, `user` for `user.changed`. `tokens_before` (unix seconds) is set when
    something was taken away: access tokens of the user issued at or before it are no longer good.
    """

    position: int
    type: ChangeType
    at: str
    org: OrganisationId
    user_id: UserId
    session_id: SessionId | None
    tokens_before: int | None
    reason: str
    user: Account | None

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "Change":
        """Read a change as auth sent it; KeyError or ValueError when it is none."""
        session = members.get("session_id")
        user = members.get("user")
        return cls(
            position=int(members["position"]),
            type=ChangeType(members["type"]),
            at=members["at"],
            org=OrganisationId(members["org"]),
            user_id=UserId(members["user_id"]),
            session_id=SessionId(session) if session else None,
            tokens_before=members.get("tokens_before"),
            reason=members["reason"],
            user=Account.from_dict(user) if user else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the change as it is sent."""
        return asdict(self) | {"type": str(self.type), "user": self.user.as_dict() if self.user else None}
