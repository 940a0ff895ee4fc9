"""Web push, from a message to a browser's push service: empty, once, to who has not read it, until they sign out."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.clinic import PORTAL, STAFF, Clinic
from tests.support.person import Person, new_id
from tests.support.ports import wait_until
from tests.support.push_service import PushService, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    """Give a push service inside the clinic."""
    with running(tmp_path_factory.mktemp("push")) as started:
        yield started


@pytest.fixture(scope="module")
def gateways(the_clinic: Clinic, service: PushService) -> Iterator[dict[str, str]]:
    """Have the clinic's own gateways make room for two of each that call this service; give one of each."""
    the_clinic.starts(*the_clinic.missing())
    settings = {"PUSH_SERVICES": service.origin, "SSL_CERT_FILE": str(service.certificate)}
    for name in (STAFF, PORTAL):
        the_clinic.stops(name)
    with ExitStack() as replicas:
        started = {name: replicas.enter_context(the_clinic.replica(name, **settings)) for name in (STAFF, PORTAL)}
        for name in (STAFF, PORTAL):
            replicas.enter_context(the_clinic.replica(name, **settings))
        yield started
    the_clinic.starts(*the_clinic.missing())


@pytest.fixture
def people(the_clinic: Clinic, gateways: dict[str, str]) -> tuple[Person, Person]:
    """Give Nora and Ada."""
    nora = the_clinic.signs_in("nora@harbor.example", at=gateways[STAFF])
    return nora, the_clinic.signs_in("ada@patients.example", at=gateways[PORTAL])


def subscribes(person: Person, service: PushService) -> str:
    """Have a browser of theirs told; return its path at the service."""
    path = f"/{new_id()}"
    person.call("PUT", "/push/subscription", json={"endpoint": service.origin + path})
    return path


def calls_of(service: PushService, path: str) -> list[bytes]:
    """Return what came to a browser's address."""
    return [got.content for got in service.got if got.path == path]


def is_kept(clinic: Clinic, service: PushService, path: str) -> bool:
    """Tell whether a subscription is stored."""
    query = "SELECT 1 FROM push_subscriptions WHERE endpoint = %s"
    return bool(clinic.database.ask(query, service.origin + path))


def test_each_side_is_told_once_and_of_nothing(people: tuple[Person, Person], service: PushService) -> None:
    """With two gateways on each plane that all heard it; the notice has no content and no word of the message."""
    nora, ada = people
    conversation = ada.writes_to_care_team(f"Push {new_id()}", "A first word")
    # Else she is told of the first word too, by itself when the second one becomes due a moment later.
    nora.calls.mark_read(conversation, nora.conversation(conversation)["heads"]["shared"])
    hers, adas = subscribes(nora, service), subscribes(ada, service)

    ada.sends(conversation, "canary-pushed")
    wait_until(lambda: bool(calls_of(service, hers)), within_s=10, what="the nurse's notice")
    nora.sends(conversation, "canary-answered", priority="urgent")
    wait_until(lambda: bool(calls_of(service, adas)), within_s=10, what="the patient's notice")

    assert calls_of(service, hers) == [b""]
    assert calls_of(service, adas) == [b""]
    assert "canary" not in str(service.got)
    assert [got.headers["urgency"] for got in service.got if got.path == adas] == ["high"]


def test_whoever_reads_at_once_and_whoever_signed_out_is_left_alone(
    the_clinic: Clinic, people: tuple[Person, Person], gateways: dict[str, str], service: PushService
) -> None:
    """Of three browsers only the one that may and needs to be told is."""
    nora, ada = people
    dmitri = the_clinic.signs_in("dmitri@harbor.example", at=gateways[STAFF])
    leaving = the_clinic.signs_in("dmitri@harbor.example", at=gateways[STAFF])
    conversation = ada.writes_to_care_team(f"Push {new_id()}", "A first word")
    hers, his, left = subscribes(nora, service), subscribes(dmitri, service), subscribes(leaving, service)
    leaving.signs_out()
    wait_until(lambda: not is_kept(the_clinic, service, left), within_s=10, what="the subscription being gone")

    entry = ada.sends(conversation, "Anybody?")
    nora.calls.mark_read(conversation, entry["seq"])
    wait_until(lambda: bool(calls_of(service, his)), within_s=10, what="the doctor's notice")

    assert (calls_of(service, hers), calls_of(service, left)) == ([], [])


def test_a_browser_that_is_gone_is_forgotten(
    the_clinic: Clinic, people: tuple[Person, Person], service: PushService
) -> None:
    """After 410 it is called no more."""
    nora, ada = people
    conversation = ada.writes_to_care_team(f"Push {new_id()}", "A first word")
    path = subscribes(nora, service)
    service.answers = [410] * 20

    ada.sends(conversation, "One")
    wait_until(lambda: not is_kept(the_clinic, service, path), within_s=15, what="the subscription being gone")
    service.answers = []

    assert len(calls_of(service, path)) >= 1
