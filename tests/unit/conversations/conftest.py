"""A clinic on a SQLite file of its own, migrated once for all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicekit.database import engine, upgrade
from tests.support.inside import Inside


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database file that holds nothing but tables."""
    path = tmp_path_factory.mktemp("migrated") / "conversations.db"
    made = engine(f"sqlite:///{path}")
    upgrade(made, "conversations")
    made.dispose()
    return path


@pytest.fixture
def house(migrated_file: Path, tmp_path: Path) -> Iterator[Inside]:
    """Give the service over a fresh database."""
    path = tmp_path / "conversations.db"
    for part in migrated_file.parent.iterdir():
        shutil.copy(part, tmp_path / part.name)
    inside = Inside(f"sqlite:///{path}", migrate=False)
    yield inside
    inside.ends()
