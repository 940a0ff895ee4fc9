"""What every test may ask for: real parts, fresh and its own."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.support import parts, postgres, rabbitmq
from tests.support.clinic import Clinic, running
from tests.support.postgres import OWNER, Database, PostgresServer
from tests.support.rabbitmq import RabbitServer

OPEN_FILES = 8_192
"""How many files a run may have open: the crowds of the contract tests are sockets of this very process."""


def pytest_configure() -> None:
    """Let a polite kill end the run like Ctrl-C, so that servers are stopped; show what support found."""
    pytest.register_assert_rewrite("tests.support.heart", "tests.support.paper")

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    _may_open(OPEN_FILES)


def _may_open(files: int) -> None:
    """Raise the soft limit of open files (1,024 is usual), as far as the hard one lets us; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give a private PostgreSQL server for the whole session; missing, it fails with the sentence that helps."""
    try:
        with postgres.running(lasting=True) as server:
            yield server
    except parts.PartMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """Give an empty database of this test's own."""
    database = postgres_server.fresh_database()
    yield database
    database.drop()


@pytest.fixture
def postgres_url(postgres_database: Database) -> str:
    """Give the SQLAlchemy URL of an empty database, as its owner."""
    return postgres_database.url(OWNER)


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitServer]:
    """Give a private RabbitMQ for the whole session; missing, it fails with the sentence that helps."""
    try:
        with rabbitmq.running(lasting=True) as server:
            yield server
    except parts.PartMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def rabbitmq_vhost(rabbitmq_server: RabbitServer) -> Iterator[str]:
    """Give a virtual host of this test's own."""
    name = rabbitmq_server.fresh_vhost()
    yield name
    rabbitmq_server.drop_vhost(name)


@pytest.fixture
def rabbitmq_url(rabbitmq_server: RabbitServer, rabbitmq_vhost: str) -> str:
    """Give the AMQP URL of a virtual host of this test's own."""
    return rabbitmq_server.url(rabbitmq_vhost)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Give the Chromium program the browser tests drive."""
    try:
        return parts.chromium_program()
    except parts.PartMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="session")
def the_clinic(
    postgres_server: PostgresServer,
    rabbitmq_server: RabbitServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Clinic]:
    """Give the real system: started once a session, with the demo clinic in it."""
    with running(postgres_server, rabbitmq_server, tmp_path_factory.mktemp("clinic")) as started:
        yield started


@pytest.fixture
def clinic(the_clinic: Clinic) -> Clinic:
    """Give the real system with every process up, whatever the test before did to it."""
    the_clinic.starts(*the_clinic.missing())
    return the_clinic
