"""A database from which nothing comes back holds nobody for long; who migrates may take their time."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from servicekit.database import engine, transaction
from tests.support.clinic import AUTH, CONVERSATIONS, RELAY, Clinic
from tests.support.person import Person
from tests.support.ports import LOOPBACK, wait_until
from tests.support.postgres import Database
from tests.support.power import Power
from tests.support.tap import Tap, tapped

THREADS = 20
"""Those with which gunicorn answers calls (deploy/gunicorn.conf.py)."""
HELD_AT_MOST_S = 12.0
BACK_WITHIN_S = 45.0


@pytest.fixture
def tap(postgres_database: Database) -> Iterator[Tap]:
    """Give the line to the database."""
    with tapped(postgres_database.server.host, postgres_database.server.port) as line:
        yield line


@pytest.fixture
def database_power(clinic: Clinic) -> Iterator[Power]:
    """Give PostgreSQL's main switch, and let it go on afterwards."""
    yield clinic.postgres.power
    clinic.postgres.power.thaw()
    for name in clinic.programs:
        clinic.waits_for(name)


def test_who_waits_on_a_line_that_says_nothing_is_let_go(postgres_database: Database, tap: Tap) -> None:
    """It hears that the connection is lost, and the next one gets a fresh one that works."""
    through = make_url(postgres_database.url()).set(host=LOOPBACK, port=tap.port)
    serving = engine(through.render_as_string(hide_password=False), serving=True, held_at_most_s=2.0)
    with transaction(serving) as connection:
        connection.execute(text("SELECT 1"))

    tap.stall()
    began = time.monotonic()
    with pytest.raises(OperationalError), transaction(serving) as connection:
        connection.execute(text("SELECT 2"))
    took = time.monotonic() - began
    tap.flow()
    with transaction(serving) as connection:
        answer = connection.execute(text("SELECT 3")).scalar()
    serving.dispose()

    assert took < 6
    assert answer == 3


def test_only_what_serves_is_in_a_hurry(postgres_database: Database) -> None:
    """The server ends its statements and its idle transactions; a migration's it leaves alone."""
    told = {}
    for serving in (True, False):
        made = engine(postgres_database.url(), serving=serving)
        with transaction(made) as connection:
            names = "statement_timeout", "idle_in_transaction_session_timeout"
            told[serving] = [connection.execute(text(f"SHOW {name}")).scalar() for name in names]
            line = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
            told[serving].append(line.get("tcp_user_timeout"))
        made.dispose()

    assert told == {True: ["10s", "10s", "9000"], False: ["0", "0", None]}


def test_readiness_names_a_database_that_hangs(clinic: Clinic, database_power: Power) -> None:
    """However many probes ask: each is answered within seconds, and the other doors answer beside them."""
    database_power.freeze()
    probes = ThreadPoolExecutor(THREADS * 2)

    for name in (AUTH, CONVERSATIONS, RELAY):
        asked = [probes.submit(_asks, clinic, name, "/readyz") for _ in range(THREADS + 4)]
        told = [probe.result() for probe in asked]
        assert all(answer.status_code == 503 and "database" in answer.json()["missing"] for answer in told), name
        assert [_asks(clinic, name, door).status_code for door in ("/livez", "/metrics")] == [200, 200], name
    probes.shutdown()


def test_calls_that_hang_give_their_threads_back(clinic: Clinic, database_power: Power) -> None:
    """More callers than threads: they hear that it is unavailable, and conversations is alive."""
    nora = clinic.signs_in("nora@harbor.example")
    callers = ThreadPoolExecutor(THREADS * 2)
    for _ in range(5):
        wait([callers.submit(_reads, nora) for _ in range(THREADS * 2)])  # each thread has its connection now
    database_power.freeze()

    hanging = [callers.submit(_reads, nora) for _ in range(THREADS * 2)]
    wait(hanging, timeout=60)
    wait_until(lambda: _is_alive(clinic), within_s=HELD_AT_MOST_S, what="conversations answering its probes")
    callers.shutdown()
    database_power.thaw()

    assert {answer.result() for answer in hanging} == {503}
    wait_until(lambda: _reads(nora) == 200, within_s=BACK_WITHIN_S, what="conversations back")


def _asks(clinic: Clinic, name: str, door: str) -> httpx.Response:
    return httpx.get(clinic.origin_of(name) + door, timeout=8, trust_env=False)


def _is_alive(clinic: Clinic) -> bool:
    try:
        return all(_asks(clinic, CONVERSATIONS, door).status_code == 200 for door in ("/livez", "/metrics"))
    except httpx.HTTPError:
        return False


def _reads(who: Person) -> int:
    return who.raw("GET", "/conversations", timeout=60).status_code
