"""A polite stop (SIGTERM) is polite to everyone: sockets are asked to come back, what is open is finished."""

import pytest

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, STAFF, Clinic
from tests.support.person import new_id


def test_a_stopping_gateway_asks_its_sockets_to_come_back(clinic: Clinic) -> None:
    """Each socket hears `bye` 4000 with a time to wait, then closes with it; coming back misses nothing."""
    with clinic.replica(STAFF) as name:
        dmitri = clinic.signs_in("dmitri@harbor.example", at=name)
        nora = clinic.signs_in("nora@harbor.example")
        conversation = nora.opens_conversation_with(dmitri)
        screen = dmitri.device()
        screen.catches_up_to((conversation, "shared"), nora.sends(conversation, f"before {new_id()}")["seq"])

        line = screen.the_line
        exit_code = clinic.stops(name)
        code = line.waits_for_end()
        bye = line.pushes("bye")[0]

    dmitri.origin = clinic.origin
    meanwhile = nora.sends(conversation, f"meanwhile {new_id()}")
    screen.connects()
    screen.catches_up_to((conversation, "shared"), meanwhile["seq"])
    screen.closes()

    assert exit_code == 0
    assert (code, bye["code"]) == (4000, 4000)
    assert bye["retry_after_ms"] >= 0
    assert screen.breaches == []


@pytest.mark.parametrize("name", [AUTH, CONVERSATIONS, RELAY, PORTAL])
def test_every_process_ends_when_asked(clinic: Clinic, name: str) -> None:
    """SIGTERM ends a process within the time a container gets, with exit code 0 and no traceback."""
    log = clinic.folder / f"{name}.log"
    said_before = log.read_text().count("Traceback")

    exit_code = clinic.stops(name)

    assert exit_code == 0
    assert log.read_text().count("Traceback") == said_before
