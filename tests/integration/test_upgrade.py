"""The next release's migrations run first: what serves now goes on serving on tables that have grown (expand).

Every table of both databases gets a column, one that may be left out; each gets an index; there is a table and a
version nobody here has heard of. The processes keep their connections and their prepared statements throughout.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, STAFF, Clinic
from tests.support.person import Device, Person, new_id
from tests.support.postgres import Database

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND right(tablename, 8) <> '_version'"
WARM = 12
"""Times everything is done before the tables grow, so that what is prepared is prepared (psycopg: after five)."""


@pytest.fixture
def people(clinic: Clinic) -> tuple[Person, Person]:
    """Give a nurse and a patient."""
    return clinic.signs_in("nora@harbor.example"), clinic.signs_in("ada@patients.example")


def test_old_code_serves_on_grown_tables(clinic: Clinic, people: tuple[Person, Person]) -> None:
    """Send, hear, edit, recall, list, read, resume and sign in: before, on the grown tables, and after."""
    nora, ada = people
    conversation = ada.writes_to_care_team(f"Upgrade {new_id()}", "Does it still work?")
    with nora.device() as hers, ada.device() as his:
        for _ in range(WARM):
            _does_everything(conversation, nora, hers, his)
        with _grown(clinic.database, "conversations"), _grown(clinic.auth_database, "auth"):
            for _ in range(WARM):
                _does_everything(conversation, nora, hers, his)
            nora.signs_in()
            ready = {name: _ready(clinic, name) for name in (AUTH, CONVERSATIONS, STAFF, PORTAL)}
        _does_everything(conversation, nora, hers, his)
        stored = nora.reads_everything(conversation)
        for screen in (hers, his):
            screen.catches_up_to((conversation, "shared"), stored[-1]["seq"])

    assert ready == dict.fromkeys((AUTH, CONVERSATIONS, STAFF, PORTAL), 200)
    assert hers.breaches == his.breaches == []
    assert [entry["seq"] for entry in stored] == list(range(1, len(stored) + 1))


def test_old_code_comes_back_on_grown_tables(clinic: Clinic, people: tuple[Person, Person]) -> None:
    """A process of the old release that dies while it is replaced is started again, and serves."""
    nora, ada = people
    conversation = ada.writes_to_care_team(f"Upgrade {new_id()}", "Are you still there?")
    with _grown(clinic.database, "conversations"), _grown(clinic.auth_database, "auth"):
        for name in (AUTH, CONVERSATIONS, RELAY):
            clinic.kills(name)
        clinic.starts(AUTH, CONVERSATIONS, RELAY)
        nora.signs_in()
        said = nora.sends(conversation, "Yes")

    assert nora.reads_everything(conversation)[-1]["seq"] == said["seq"]


def _does_everything(conversation: str, nora: Person, hers: Device, his: Device) -> None:
    said = hers.sends(conversation, f"said {new_id()}")
    his.catches_up_to((conversation, "shared"), said["seq"])
    kept, recalled = (nora.sends(conversation, f"posted {new_id()}")["message"]["id"] for _ in range(2))
    nora.call("PATCH", f"/messages/{kept}", json={"body": f"edited {new_id()}"})
    nora.call("DELETE", f"/messages/{recalled}")
    nora.call("GET", f"/messages/{kept}/history")
    nora.call("PUT", f"/conversations/{conversation}/read", json={"stream": "shared", "seq": said["seq"]})
    nora.sends(conversation, "between us", stream="internal")
    nora.lists()
    nora.timeline(conversation)
    nora.call("GET", "/directory", params={"q": "dmi"})
    nora.call("GET", "/me")
    his.drops()
    his.connects()


@contextmanager
def _grown(database: Database, package: str) -> Iterator[None]:
    """Run a release's expanding migration, and take it back afterwards."""
    tables = [str(name) for (name,) in database.ask(TABLES)]
    present = database.ask(f"SELECT version_num FROM {package}_version")[0][0]  # noqa: S608 - our own names
    for table in tables:
        database.ask(f'ALTER TABLE "{table}" ADD COLUMN from_the_future text')
        database.ask(f'CREATE INDEX "{table}_future" ON "{table}" (from_the_future)')
    database.ask("CREATE TABLE from_the_future (id uuid PRIMARY KEY)")
    database.ask(f"UPDATE {package}_version SET version_num = '9999'")  # noqa: S608 - as above
    try:
        yield
    finally:
        database.ask(f"UPDATE {package}_version SET version_num = '{present}'")  # noqa: S608 - as above
        database.ask("DROP TABLE from_the_future")
        for table in tables:
            database.ask(f'ALTER TABLE "{table}" DROP COLUMN from_the_future')


def _ready(clinic: Clinic, name: str) -> int:
    return httpx.get(f"{clinic.origin_of(name)}/readyz", trust_env=False, timeout=10).status_code
