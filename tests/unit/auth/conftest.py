"""A desk for each test; the demo's people are hashed into a database once and copied."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.auth.desk import Desk, prepared


@pytest.fixture(scope="session")
def prepared_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database with the demo's people; nobody changes it."""
    return prepared(tmp_path_factory.mktemp("auth") / "prepared.db")


@pytest.fixture
def new_desk(prepared_database: Path, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Give a maker of desks with other settings; all share this test's database."""
    database = shutil.copy(prepared_database, tmp_path / "auth.db")
    made: list[Desk] = []

    def make(**other: Any) -> Desk:  # noqa: ANN401 - any setting
        made.append(Desk(Path(database), **other))
        return made[-1]

    yield make
    for desk in made:
        desk.composed.background.start()
        desk.composed.background.stop()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Give the service as the embedded demo runs it."""
    return new_desk()
