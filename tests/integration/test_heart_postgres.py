"""The heart of conversations on PostgreSQL, as its service's role: whatever people do, it is as on paper."""

from collections.abc import Iterator

import pytest

from servicekit import database
from tests.support.heart import beats
from tests.support.inside import Inside
from tests.support.postgres import Database, PostgresServer


@pytest.fixture
def house(postgres_server: PostgresServer) -> Iterator[Inside]:
    """Give the service over a fresh database, and its owner to look behind it."""
    postgres_server.template("conversations_alone", _migrated)
    made = postgres_server.fresh_database("conversations_alone")
    inside = Inside(made.url("conversations"), owner_url=made.url(), migrate=False)
    yield inside
    inside.ends()
    made.drop()


def _migrated(empty: Database) -> None:
    engine = database.engine(empty.url())
    database.upgrade(engine, "conversations")
    engine.dispose()


def test_whatever_people_do_conversations_are_as_on_paper(house: Inside) -> None:
    """Posting, repeating, editing, recalling, joining, leaving, reading, closing, resuming, in random interleavings."""
    beats(house, examples=5, steps=25)
