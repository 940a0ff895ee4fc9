"""People of the demo clinic, signed in; and conversations alone over a PostgreSQL database of a test's own."""

from collections.abc import Iterator

import pytest

from servicekit import database
from tests.support.clinic import Clinic
from tests.support.inside import Inside
from tests.support.person import Person
from tests.support.postgres import Database, PostgresServer


@pytest.fixture
def nora(clinic: Clinic) -> Person:
    """Give Nora, a nurse."""
    return clinic.signs_in("nora@harbor.example")


@pytest.fixture
def dmitri(clinic: Clinic) -> Person:
    """Give Dmitri, a doctor and moderator."""
    return clinic.signs_in("dmitri@harbor.example")


@pytest.fixture
def rosa(clinic: Clinic) -> Person:
    """Give Rosa, a nurse."""
    return clinic.signs_in("rosa@harbor.example")


@pytest.fixture
def ada(clinic: Clinic) -> Person:
    """Give Ada, a patient."""
    return clinic.signs_in("ada@patients.example")


@pytest.fixture
def made(postgres_server: PostgresServer) -> Iterator[Database]:
    """Give a migrated database of this test's own."""
    postgres_server.template("conversations_alone", _migrated)
    fresh = postgres_server.fresh_database("conversations_alone")
    yield fresh
    fresh.drop()


def _migrated(empty: Database) -> None:
    engine = database.engine(empty.url())
    database.upgrade(engine, "conversations")
    engine.dispose()


@pytest.fixture
def house(made: Database) -> Iterator[Inside]:
    """Give the service over it, as its role, and its owner to look behind it."""
    inside = Inside(made.url("conversations"), owner_url=made.url(), migrate=False)
    yield inside
    inside.ends()
