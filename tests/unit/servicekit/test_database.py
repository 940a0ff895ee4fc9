"""A transaction is all or nothing, and writers of one process wait for each other without failing."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from servicekit.database import engine, transaction


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
