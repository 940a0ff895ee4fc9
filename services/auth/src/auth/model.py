"""What auth keeps: accounts, browser sign-ins, sessions, codes, clients.

Everything here is a value: frozen, and silent about names, e-mail addresses and secrets in its repr.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wire.changes import Account as ListedAccount
from wire.claims import Plane
from wire.ids import OrganisationId, PatientId, SessionId, UserId


class Kind(StrEnum):
    """Whom an account is for."""

    STAFF = "staff"
    PATIENT = "patient"

    @property
    def plane(self) -> Plane:
        """The one plane this kind of account may enter."""
        return Plane.STAFF if self is Kind.STAFF else Plane.PORTAL


class Reason(StrEnum):
    """Why a session ended or a user changed, as the changes tell it."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    TOKEN_REUSE = "token_reuse"  # noqa: S105 - the name of a reason
    CREATED = "created"
    CHANGED = "changed"
    PERMISSIONS = "permissions"
    DEACTIVATED = "deactivated"
    ACTIVATED = "activated"
    PASSWORD = "password"  # noqa: S105 - the name of a reason
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A clinic or practice: everything belongs to exactly one."""

    id: OrganisationId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in. `tokens_before` (unix seconds): their access tokens up to then are no longer good."""

    id: UserId
    org: OrganisationId
    org_name: str
    kind: Kind
    email: str = field(repr=False)
    name: str = field(repr=False)
    title: str | None
    password_hash: str | None = field(repr=False)
    active: bool
    permissions: tuple[str, ...]
    patients: tuple[PatientId, ...]
    tokens_before: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def plane(self) -> Plane:
        """Where this account may sign in."""
        return self.kind.plane

    def listed(self) -> ListedAccount:
        """Return the account as the other services know it: without e-mail address and password."""
        return ListedAccount(
            id=self.id,
            org=self.org,
            org_name=self.org_name,
            kind=self.kind,
            name=self.name,
            title=self.title,
            active=self.active,
            permissions=self.permissions,
            patients=self.patients,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """One sign-in at the sign-in page, remembered by a cookie; sessions opened through it end with it."""

    id: str
    account_id: UserId
    plane: Plane
    signed_in_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a refresh token keeps alive; its id is the `sid` of every access token issued from it."""

    id: SessionId
    account_id: UserId
    org: OrganisationId
    client_id: str
    plane: Plane
    browser_id: str | None
    scope: str
    signed_in_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code waiting to be redeemed, once; the session it opens has its id already."""

    code_hash: str = field(repr=False)
    client_id: str
    account_id: UserId
    browser_id: str
    session_id: SessionId
    redirect_uri: str
    scope: str
    nonce: str | None = field(repr=False)
    challenge: str = field(repr=False)
    signed_in_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One refresh token of a session, by its hash; a used one is kept so that its reuse is noticed."""

    token_hash: str = field(repr=False)
    session_id: SessionId
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How often a password was wrong in a row for one e-mail address, known or not."""

    count: int
    locked_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A session that may go on: who, by which refresh token, decided `at` which moment."""

    account: Account
    session: Session
    refresh_token: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A signing key as it rests: the private half sealed; it signs from `signs_from` on and is published to the end."""

    kid: str
    public: str
    sealed: str = field(repr=False)
    created_at: datetime
    signs_from: datetime
    ends_at: datetime | None
