"""A transaction is all or nothing, and writers of one process wait for each other without failing."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from servicekit.database import (
    DatabaseBehind,
    DatabaseNewer,
    check_serves,
    check_version,
    engine,
    is_migrated,
    transaction,
    upgrade,
)


@pytest.fixture
def notes(tmp_path: Path) -> Engine:
    """A database with one table."""
    made = engine(f"sqlite:///{tmp_path / 'notes.db'}")
    with transaction(made) as connection:
        connection.execute(text("create table notes (n integer primary key)"))
    return made


def test_nothing_of_a_failed_transaction_stays(notes: Engine) -> None:
    """What was written before the failure is gone."""
    with pytest.raises(ZeroDivisionError), transaction(notes) as connection:
        connection.execute(text("insert into notes values (1)"))
        _ = 1 / 0

    with transaction(notes) as connection:
        assert connection.execute(text("select count(*) from notes")).scalar_one() == 0


def test_many_writers_take_turns(notes: Engine) -> None:
    """Reading the highest number and writing the next one never collides."""

    def write() -> None:
        for _ in range(20):
            with transaction(notes) as connection:
                highest = connection.execute(text("select coalesce(max(n), 0) from notes")).scalar_one()
                connection.execute(text("insert into notes values (:n)"), {"n": highest + 1})

    writers = [threading.Thread(target=write) for _ in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with transaction(notes) as connection:
        assert connection.execute(text("select count(*), max(n) from notes")).one() == (100, 100)


def test_a_database_is_migrated_when_it_is_at_this_release_or_beyond(tmp_path: Path) -> None:
    """While a release is replaced, the old one runs on the new one's tables; older tables are no ground."""
    database = engine(f"sqlite:///{tmp_path / 'auth.db'}")
    empty = is_migrated(database, "auth")
    upgrade(database, "auth")
    fresh = is_migrated(database, "auth")

    with transaction(database) as connection:
        connection.execute(text("update auth_version set version_num = 'of a newer release'"))

    assert (empty, fresh, is_migrated(database, "auth")) == (False, True, True)


def test_a_newer_database_is_served_but_not_migrated_nor_commanded(tmp_path: Path) -> None:
    """Who serves goes on, so that one that died comes back; what would write in a release's own way refuses."""
    database = engine(f"sqlite:///{tmp_path / 'auth.db'}")
    with pytest.raises(DatabaseBehind):
        check_serves(database, "auth")
    upgrade(database, "auth")
    check_serves(database, "auth")

    with transaction(database) as connection:
        connection.execute(text("update auth_version set version_num = 'of a newer release'"))

    check_serves(database, "auth")
    for refuses in (check_version, upgrade):
        with pytest.raises(DatabaseNewer):
            refuses(database, "auth")
