"""Setting a clinic up on PostgreSQL, with the roles and fences of production: migrate, seed, import, follow auth."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conversations.store import directory, fence
from servicekit import database
from tests.support.postgres import OWNER, Database, PostgresServer
from wire import demo
from wire.changes import Account

NEW = "01930000-0000-7000-8000-0000000003f1"
HEAD = "organisation,id,name,care_team\n"


@pytest.fixture
def clinic(postgres_server: PostgresServer) -> Iterator[Database]:
    """Give a clone of a database that the command line has migrated and seeded."""
    postgres_server.template("demo", _set_up)
    made = postgres_server.fresh_database("demo")
    yield made
    made.drop()


def _set_up(empty: Database) -> None:
    done = command(empty, "migrate", demo_is_on=True)
    assert done.returncode == 0, done.stderr


def command(clinic: Database, *words: str, demo_is_on: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command of `conversations` as the owner of the tables."""
    return subprocess.run(
        [sys.executable, "-c", "from conversations.cli import main; main()", *words],
        env={
            "PATH": os.environ["PATH"],
            "CONVERSATIONS_DATABASE_URL": clinic.url(OWNER),
            "DEMO": "on" if demo_is_on else "off",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_migrate_sets_the_demo_clinic_up_once(clinic: Database) -> None:
    """The owner, fenced in like everybody, seeds both organisations; a second time adds nothing."""
    before = clinic.ask("SELECT org, count(*) FROM conversations GROUP BY org ORDER BY org")
    said = clinic.ask("SELECT count(*) FROM messages")

    again = command(clinic, "migrate", demo_is_on=True)

    assert again.returncode == 0
    assert [(str(org), count) for org, count in before] == [(demo.HARBOR, 4), (demo.HILLTOP, 1)]
    assert clinic.ask("SELECT count(*) FROM messages") == said


def test_another_organisations_patient_cannot_be_taken_over(clinic: Database, tmp_path: Path) -> None:
    """An import that names a patient of another organisation is refused in a sentence, and nothing of it stays."""
    file = tmp_path / "patients.csv"
    file.write_text(HEAD + f"{demo.HARBOR},{NEW},New,{demo.NORA}\n{demo.HARBOR},{demo.PATIENT_PIA},Taken,\n")
    before = clinic.ask("SELECT id, org, name FROM patients ORDER BY id")

    refused = command(clinic, "import-patients", str(file))

    assert refused.returncode == 1
    assert refused.stderr == "line 3: the id is that of another organisation's patient.\nNothing was stored.\n"
    assert clinic.ask("SELECT id, org, name FROM patients ORDER BY id") == before


def test_a_good_file_is_imported(clinic: Database, tmp_path: Path) -> None:
    """The command says how many patients it stored."""
    file = tmp_path / "patients.csv"
    file.write_text(HEAD + f"{demo.HARBOR},{NEW},New,{demo.NORA};{demo.DMITRI}\n")

    done = command(clinic, "import-patients", str(file))

    assert (done.returncode, done.stdout) == (0, "Patients stored: 1.\n")
    assert clinic.ask("SELECT name FROM patients WHERE id = %s", NEW) == [("New",)]


def test_the_relays_role_may_write_the_directory_of_every_organisation(clinic: Database) -> None:
    """What auth tells is stored by the relay's own database role, whichever organisation it is about."""
    engine = database.engine(clinic.url("relay"))
    told = [_renamed(demo.NORA, demo.HARBOR), _renamed(demo.HANA, demo.HILLTOP)]
    with database.transaction(engine) as connection:
        for account in told:
            fence.enter(connection, account.org)
            directory.put_account(connection, account, position=7)
    engine.dispose()

    assert clinic.ask("SELECT count(*) FROM accounts WHERE name = 'Renamed'") == [(2,)]


def test_an_empty_database_is_named_as_such(postgres_database: Database, tmp_path: Path) -> None:
    """An import before the migration says what to do first."""
    file = tmp_path / "patients.csv"
    file.write_text(HEAD)

    refused = command(postgres_database, "import-patients", str(file))

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "run 'conversations migrate' first" in refused.stderr


def _renamed(user_id: object, org: object) -> Account:
    return Account(
        id=user_id,  # type: ignore[arg-type]
        org=org,  # type: ignore[arg-type]
        org_name="",
        kind="staff",
        name="Renamed",
        title=None,
        active=True,
        permissions=(),
        patients=(),
    )
