"""The bodies of the administration, validated here; unknown fields are refused.

A user as it is shown never holds a password.
"""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from auth.administration import Edit
from auth.model import Account, Kind
from auth.policy import clean_email, clean_password
from wire.bodies import PAGE, PAGE_MAX, Id, Request, Switch
from wire.permissions import Permission
from wire.text import clean_subject
from wire.times import to_wire

NAME_CHARS = 120
PATIENTS_MAX = 50
INSIDE_PAGE = 500
INSIDE_PAGE_MAX = 5_000
POSITION_MAX = 2**53 - 1


class Cleaned(fields.String):
    """Typed text that a function cleans or refuses with a sentence."""

    def __init__(self, clean: Callable[[str], str], **more: Any) -> None:  # noqa: ANN401 - passes marshmallow's own options on
        super().__init__(**more)
        self._clean = clean

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:  # noqa: ANN401 - marshmallow's signature
        text = super()._deserialize(value, attr, data, **more) or ""
        try:
            return self._clean(text)
        except ValueError as refused:
            raise ValidationError(str(refused)) from refused


def _name(text: str) -> str:
    return clean_subject(text, NAME_CHARS)


def _permissions() -> fields.List[str]:
    known = validate.OneOf([str(one) for one in Permission], error="There is no such permission.")
    return fields.List(fields.String(validate=known), validate=validate.Length(max=len(Permission)))


def _patients() -> fields.List[str]:
    return fields.List(Id(), validate=validate.Length(max=PATIENTS_MAX))


class CreateUser(Request):
    """`POST /auth/api/users`."""

    email = Cleaned(clean_email, required=True)
    name = Cleaned(_name, required=True)
    kind = fields.String(load_default="staff", validate=validate.OneOf([str(kind) for kind in Kind]))
    title = Cleaned(_name, allow_none=True)
    password = Cleaned(clean_password)
    permissions = _permissions()
    patients = _patients()


class EditUser(Request):
    """`PATCH /auth/api/users/<id>`: at least one field."""

    name = Cleaned(_name)
    title = Cleaned(_name)
    active = Switch()
    password = Cleaned(clean_password)
    permissions = _permissions()
    patients = _patients()

    @validates_schema
    def _something(self, data: dict[str, Any], **_more: Any) -> None:  # noqa: ANN401 - marshmallow's signature
        if not data:
            raise ValidationError("Name at least one field to change.")


class UsersQuery(Request):
    """`GET /auth/api/users`."""

    q = Cleaned(_name, load_default=None)
    kind = fields.String(load_default=None, validate=validate.OneOf([str(kind) for kind in Kind]))
    cursor = Id(load_default=None)
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


class ChangesQuery(Schema):
    """`GET /inside/changes`."""

    after = fields.Integer(load_default=None, validate=validate.Range(min=0, max=POSITION_MAX))
    limit = fields.Integer(load_default=INSIDE_PAGE, validate=validate.Range(min=1, max=INSIDE_PAGE_MAX))


class AccountsQuery(Schema):
    """`GET /inside/accounts`."""

    after = Id(load_default=None)
    limit = fields.Integer(load_default=INSIDE_PAGE, validate=validate.Range(min=1, max=INSIDE_PAGE_MAX))


def edit_from(loaded: dict[str, Any]) -> Edit:
    """Return the change that a validated body asks for."""
    several: dict[str, Any] = {name: tuple(loaded[name]) for name in ("permissions", "patients") if name in loaded}
    return Edit(**loaded | several)


def shown(account: Account) -> dict[str, Any]:
    """Return the account as administrators see it."""
    return {
        "id": account.id,
        "org": account.org,
        "kind": str(account.kind),
        "email": account.email,
        "name": account.name,
        "title": account.title,
        "active": account.active,
        "permissions": list(account.permissions),
        "patients": list(account.patients),
        "has_password": account.password_hash is not None,
        "created_at": to_wire(account.created_at),
        "updated_at": to_wire(account.updated_at),
    }
