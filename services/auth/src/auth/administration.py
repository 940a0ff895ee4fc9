"""Administering accounts: what staff holding `pf.users.manage` do for their own organisation, and the command line.

Every change is written into the log of changes by the transaction that makes it; what takes something away moves the
person's `tokens_before`, so that their tokens are refused everywhere within a second.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from auth import policy, store
from auth.model import Account, Kind, Organisation, Reason
from auth.service import Ground, record_user
from servicekit.database import transaction
from servicekit.log import get_logger
from wire.ids import OrganisationId, PatientId, UserId
from wire.problems import Conflict, Invalid

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Somebody to be given an account; without a password they cannot sign in yet."""

    org: OrganisationId
    kind: Kind
    email: str = field(repr=False)
    name: str = field(repr=False)
    title: str | None = None
    password: str | None = field(default=None, repr=False)
    permissions: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to change about an account; None leaves a field as it is."""

    name: str | None = field(default=None, repr=False)
    title: str | None = None
    active: bool | None = None
    permissions: tuple[str, ...] | None = None
    patients: tuple[str, ...] | None = None
    password: str | None = field(default=None, repr=False)

    def given(self) -> Mapping[str, Any]:
        """Return only what is to change."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


class Administration:
    """Accounts: list, create, change, sign out."""

    def __init__(self, ground: Ground) -> None:
        self._on = ground

    def list(
        self, actor: Account, *, after: str | None, limit: int, kind: str | None, q: str | None
    ) -> tuple[Sequence[Account], str | None]:
        """Return a page of the actor's organisation and the id to go on after, None at the end."""
        with transaction(self._on.engine) as connection:
            found = store.accounts_of(connection, actor.org, after=after, limit=limit + 1, kind=kind, q=q)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def show(self, actor: Account, account_id: str) -> Account:
        """Return an account of the actor's organisation."""
        with transaction(self._on.engine) as connection:
            return policy.require_same_organisation(actor, store.account(connection, account_id))

    def add_organisation(self, organisation: Organisation) -> None:
        """Store an organisation; one that is there stays as it is."""
        with transaction(self._on.engine) as connection:
            store.add_organisation(connection, organisation)

    def create(self, new: NewAccount, actor: Account | None = None) -> Account:
        """Give somebody an account; Conflict when the e-mail address is taken, Invalid for an unknown organisation."""
        _require_fitting(new.kind, permissions=new.permissions, patients=new.patients)
        password_hash = self._on.passwords.hash(new.password) if new.password else None
        with transaction(self._on.engine) as connection:
            organisation = store.organisation(connection, new.org)
            if organisation is None:
                raise Invalid(errors={"org": ["There is no such organisation."]})
            now = self._on.clock()
            account = Account(
                id=UserId(new.id or self._on.ids()),
                org=organisation.id,
                org_name=organisation.name,
                kind=new.kind,
                email=new.email,
                name=new.name,
                title=new.title,
                password_hash=password_hash,
                active=True,
                permissions=_once(new.permissions),
                patients=tuple(PatientId(patient) for patient in _once(new.patients)),
                tokens_before=None,
                created_at=now,
                updated_at=now,
            )
            if not store.add_account(connection, account):
                raise Conflict("This e-mail address has an account already.")
            change = record_user(self._on, connection, account, Reason.CREATED, tokens_before=None)
        log.info("user.created", user=account.id, by=actor.id if actor else None)
        self._on.announce(change)
        return account

    def change(self, actor: Account, account_id: str, edit: Edit) -> Account:
        """Change an account of the actor's organisation; nothing is recorded when nothing is different."""
        password_hash = self._on.passwords.hash(edit.password) if edit.password else None
        with transaction(self._on.engine) as connection:
            found = store.account(connection, account_id, lock="change")
            before = policy.require_same_organisation(actor, found)
            after = _edited(before, edit, password_hash)
            if after == before:
                return before
            _require_fitting(after.kind, permissions=after.permissions, patients=after.patients)
            policy.refuse_locking_oneself_out(actor, before, after)
            now = self._on.clock()
            taken_until = int(now.timestamp()) if policy.takes_away(before, after) else None
            after = replace(after, updated_at=now, tokens_before=taken_until or before.tokens_before)
            store.change_account(connection, after)
            if policy.ends_sessions(before, after):
                store.end_all_of(connection, after.id, now)
            change = record_user(self._on, connection, after, _reason(before, after), tokens_before=taken_until)
        log.info("user.changed", user=after.id, by=actor.id, reason=change.reason)
        self._on.announce(change)
        return after

    def sign_out(self, actor: Account, account_id: str) -> None:
        """End every session of an account of the actor's organisation."""
        with transaction(self._on.engine) as connection:
            found = store.account(connection, account_id, lock="change")
            before = policy.require_same_organisation(actor, found)
            now = self._on.clock()
            until = int(now.timestamp())
            after = replace(before, updated_at=now, tokens_before=until)
            store.change_account(connection, after)
            store.end_all_of(connection, after.id, now)
            change = record_user(self._on, connection, after, Reason.SIGNED_OUT_EVERYWHERE, tokens_before=until)
        log.info("user.signed_out", user=after.id, by=actor.id)
        self._on.announce(change)


def _edited(before: Account, edit: Edit, password_hash: str | None) -> Account:
    given = {name: value for name, value in edit.given().items() if name != "password"}
    for several in ("permissions", "patients"):
        if several in given:
            given[several] = _once(given[several])
    return replace(before, password_hash=password_hash or before.password_hash, **given)


def _reason(before: Account, after: Account) -> Reason:
    if before.active != after.active:
        return Reason.ACTIVATED if after.active else Reason.DEACTIVATED
    if before.password_hash != after.password_hash:
        return Reason.PASSWORD
    return Reason.PERMISSIONS if set(before.permissions) != set(after.permissions) else Reason.CHANGED


def _require_fitting(kind: Kind, *, permissions: Collection[str], patients: Collection[str]) -> None:
    if kind is Kind.PATIENT and permissions:
        raise Invalid(errors={"permissions": ["A patient's account holds no permissions."]})
    if kind is Kind.PATIENT and not patients:
        raise Invalid(errors={"patients": ["A patient's account stands for at least one patient."]})
    if kind is Kind.STAFF and patients:
        raise Invalid(errors={"patients": ["A staff account stands for no patient."]})


def _once(several: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(several))
