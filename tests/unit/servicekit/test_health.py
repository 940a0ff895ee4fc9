"""Probes: what is missing is named, and only what nothing goes on without takes a service out; doors are timed."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from servicekit.background import Background, Stop
from servicekit.composed import Composed, started
from servicekit.health import Readiness, health_blueprint
from tests.support.ports import wait_until


def works() -> bool:
    """Answer as a part that works."""
    return True


def fails() -> bool:
    """Answer as a part that is away."""
    raise OSError("away")


def served(**parts: tuple[Callable[[], bool], bool]) -> FlaskClient:
    """Return a service's own port; each part comes with whether it is needed."""
    readiness = Readiness()
    for name, (check, needed) in parts.items():
        readiness.add(name, check, needed=needed)
    app = Flask("little_service")
    app.register_blueprint(health_blueprint(readiness))
    app.get("/people/<uuid:person>")(lambda person: {"id": str(person)})
    return app.test_client()


@pytest.mark.parametrize(
    ("database", "broker", "expected"),
    [
        (works, works, (200, "ready", [])),
        (works, fails, (200, "impaired", ["broker"])),
        (fails, works, (503, "not ready", ["database"])),
        (fails, fails, (503, "not ready", ["database", "broker"])),
    ],
)
def test_only_what_is_needed_takes_a_service_out(
    database: Callable[[], bool], broker: Callable[[], bool], expected: tuple[int, str, list[str]]
) -> None:
    """Everything that is missing is named; a check that fails in any way means missing."""
    answer = served(database=(database, True), broker=(broker, False)).get("/readyz")

    told = answer.get_json()
    assert (answer.status_code, told["status"], told["missing"]) == expected


def test_a_part_that_hangs_is_named_within_seconds_and_keeps_one_thread() -> None:
    """However often it is asked about: the doors are answered by few threads, and each of them comes back."""
    comes_back = threading.Event()
    client = served(database=(comes_back.wait, True), broker=(works, False))
    probes = ThreadPoolExecutor(8)
    before, began = threading.active_count(), time.monotonic()

    asked = [probes.submit(client.application.test_client().get, "/readyz") for _ in range(8)]
    wait(asked, timeout=10)
    took = time.monotonic() - began
    hanging = threading.active_count() - before - 8  # the probes' own
    comes_back.set()
    told = [probe.result().get_json() for probe in asked]
    probes.shutdown()

    assert told == [{"status": "not ready", "missing": ["database"]}] * 8
    assert took < 4
    assert hanging <= 1
    wait_until(lambda: client.get("/readyz").status_code == 200, within_s=5, what="the part being back")


def test_a_service_that_was_asked_to_end_says_so() -> None:
    """Nobody leads new callers to it, although nothing is missing."""
    client = served(database=(works, True))
    app = started(Composed(wsgi=client.application, background=Background()))

    app.extensions["stop"]()
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json) == (503, {"status": "stopping", "missing": []})


def test_a_service_that_ends_still_follows_what_its_answers_stand_on() -> None:
    """It answers until the process ends, and a session that is revoked in between is refused."""
    client = served()
    background = Background()
    rounds: list[int] = []

    def follows(stop: Stop) -> None:
        while not stop.wait(0.01):
            rounds.append(1)

    background.add("changes", follows, to_the_end=True)
    app = started(Composed(wsgi=client.application, background=background))

    app.extensions["stop"]()

    so_far = len(rounds)
    wait_until(lambda: len(rounds) > so_far, within_s=5, what="another round")
    background.stop(5)


def test_a_call_is_timed_under_the_template_of_its_address() -> None:
    """Two people are one door; what no rule knows is one door, whatever the method."""
    client = served()

    client.get("/people/01930000-0000-7000-8000-000000000001")
    client.get("/people/01930000-0000-7000-8000-000000000002")
    client.open("/nowhere/secret", method="BREW")

    assert timed("GET", "/people/<uuid:person>", "2xx") == 2
    assert timed("any", "unknown", "4xx") == 1


def timed(method: str, door: str, status: str) -> float:
    """Return how many calls of a door were timed."""
    labels = {"service": "little-service", "method": method, "door": door, "status": status}
    return REGISTRY.get_sample_value("messages_http_seconds_count", labels) or 0.0
