"""The command line `conversations`: what an operator runs by hand, or a container as its program.

Whatever an operator can mend ends in one sentence and exit code 1, never in a traceback.
"""

import os
import sys
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from conversations import demo
from conversations.patientfile import BadFile
from conversations.patients import import_file
from conversations.preparation import prepare
from conversations.relay import process
from servicekit import database
from servicekit.clock import utc_now
from servicekit.settings import Reader, SettingsError


@click.group()
def commands() -> None:
    """Care for the storage of conversations."""


@commands.command()
def migrate() -> None:
    """Bring the database to this release; where DEMO is on, also seed the demo clinic."""
    engine, demo_is_on = _owners_database()
    seeded = prepare(engine, with_demo=demo_is_on, clock=utc_now)
    click.echo("The database is at this release." + (" The demo clinic is seeded." if seeded else ""))


@commands.command()
def relay() -> None:
    """Carry stored events to the broker, and auth's accounts into the directory, until stopped."""
    process.main()


@commands.command("import-patients")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
def import_patients(file: Path) -> None:
    """Take patients, their care teams and the accounts standing for them from a CSV or JSON file.

    All of the file is checked first; nothing is stored unless every record is good.
    """
    engine, _ = _owners_database()
    database.check_version(engine, "conversations")
    count = import_file(engine, file, today=utc_now().date())
    click.echo(f"Patients stored: {count}.")


@commands.command("seed-demo")
def seed_demo() -> None:
    """Seed the demo clinic's patients and conversations; only where DEMO is on."""
    engine, demo_is_on = _owners_database()
    if not demo_is_on:
        raise SettingsError("The demo clinic is seeded only where DEMO is on.")
    database.check_version(engine, "conversations")
    seeded = demo.seed(engine, clock=utc_now)
    click.echo("The demo clinic is seeded." if seeded else "The demo clinic was seeded before.")


def _owners_database() -> tuple[Engine, bool]:
    reader = Reader(os.environ)
    url, demo_is_on = reader.text("CONVERSATIONS_DATABASE_URL"), reader.flag("DEMO")
    reader.done()
    return database.engine(url), demo_is_on


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit."""
    try:
        commands(arguments, standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except click.Abort:
        sys.exit(130)
    except (SettingsError, database.DatabaseError, BadFile) as wrong:
        click.echo(str(wrong), err=True)
        sys.exit(1)
    except OperationalError:
        click.echo("The database cannot be reached.", err=True)
        sys.exit(1)
