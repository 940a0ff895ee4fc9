"""The operator's command: `auth migrate`, `auth create-user`, `auth rotate-keys`.

Each ends with one sentence, good or bad; a password is read from the terminal or standard input, never from the
command line, where other users of the machine could see it.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import click
from marshmallow import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from auth import preparation
from auth.administration import NewAccount
from auth.bodies import CreateUser
from auth.model import Kind, Organisation
from auth.settings import StorageSettings
from servicekit.database import DatabaseError, check_version, engine
from servicekit.log import configure
from servicekit.settings import SettingsError
from wire.ids import OrganisationId, is_id, new_id
from wire.problems import Invalid, Problem

T = TypeVar("T")


def run() -> None:
    """Start the command as an operator does: what it has to say is one sentence, the log keeps to warnings."""
    configure("auth", "WARNING")
    main()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Operate the sign-in service of Messages. Settings: AUTH_DATABASE_URL, AUTH_SECRET, DEMO."""


@main.command()
def migrate() -> None:
    """Bring the database to this release; with DEMO=on also make the demo's people."""
    settings = _settings()
    _told(lambda: preparation.prepare(settings))
    click.echo("The database of auth is up to date.")


@main.command("create-user")
@click.option("--email", required=True, help="The e-mail address they sign in with.")
@click.option("--name", required=True, help="The name others see.")
@click.option("--organisation", required=True, help="The id of their organisation.")
@click.option("--organisation-name", help="Make the organisation under this name if it is not there yet.")
@click.option("--kind", type=click.Choice([str(kind) for kind in Kind]), default="staff", show_default=True)
@click.option("--title", help="What they are, such as Nurse.")
@click.option("--permission", "permissions", multiple=True, help="A permission key; may be given several times.")
@click.option("--patient", "patients", multiple=True, help="The id of a patient they stand for; their own first.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def create_user(  # noqa: PLR0913 - one parameter for each option
    *,
    email: str,
    name: str,
    organisation: str,
    organisation_name: str | None,
    kind: str,
    title: str | None,
    permissions: tuple[str, ...],
    patients: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Give somebody an account."""
    settings = _settings()
    if not is_id(organisation):
        _fail("The organisation must be a UUID in lower case with dashes.")
    body = {"email": email, "name": name, "kind": kind, "permissions": list(permissions), "patients": list(patients)}
    loaded = _validated(body | {"password": _password(from_stdin=password_stdin)} | ({"title": title} if title else {}))
    database = _database(settings)
    people = preparation.administration(database, settings.secret)
    org = OrganisationId(organisation)
    if organisation_name:
        _told(lambda: people.add_organisation(Organisation(id=org, name=organisation_name)))
    new = NewAccount(org=org, kind=Kind(loaded.pop("kind")), **loaded)
    account = _told(lambda: people.create(new))
    click.echo(account.id)


@main.command("rotate-keys")
@click.option("--compromised", is_flag=True, help="A key leaked: sign with the new one at once and end all others.")
def rotate_keys(*, compromised: bool) -> None:
    """Make the next signing key: published now, signing in ten minutes, the old one kept to its last token's end."""
    settings = _settings()
    keys = preparation.signing_keys(_database(settings), settings.secret)
    kid = _told(lambda: keys.rotate(compromised=compromised))
    when = "signs from now on, all others have ended" if compromised else "is published and signs in ten minutes"
    click.echo(f"Key {kid} {when}.")


@main.command("new-id")
def make_id() -> None:
    """Print a fresh id, for an organisation or a patient."""
    click.echo(new_id())


def _settings() -> StorageSettings:
    try:
        return StorageSettings.from_env(os.environ)
    except SettingsError as refused:
        _fail(str(refused))


def _database(settings: StorageSettings) -> Engine:
    database = _told(lambda: engine(settings.database_url))
    _told(lambda: check_version(database, "auth"))
    return database


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _validated(body: Mapping[str, object]) -> dict[str, Any]:
    try:
        return dict(CreateUser().load(body))
    except ValidationError as wrong:
        _fail(_sentences(wrong.messages_dict))


def _told(work: Callable[[], T]) -> T:
    """Do the work; a refusal becomes one sentence and exit code 1."""
    try:
        return work()
    except DatabaseError as refused:
        _fail(str(refused))
    except Invalid as wrong:
        _fail(_sentences(wrong.errors))
    except Problem as refused:
        _fail(refused.detail)
    except SQLAlchemyError as silent:
        _fail(f"The database of auth cannot be used ({type(silent).__name__}).")


def _sentences(errors: Mapping[str, object]) -> str:
    return " ".join(f"{name}: {_flat(told)}" for name, told in errors.items())


def _flat(told: object) -> str:
    if isinstance(told, dict):
        return " ".join(_flat(one) for one in told.values())
    return " ".join(_flat(one) for one in told) if isinstance(told, list) else str(told)


def _fail(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    raise SystemExit(1)
