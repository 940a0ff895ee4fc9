"""Killing any process at any moment loses nothing that was acknowledged.

Two people write without pause while one process is killed with -9 and started again. Then a checker holds every
acknowledgement against the database, and every screen's log against the database's order.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, STAFF, Clinic
from tests.support.person import JSON, SteadyDevice, new_id

MESSAGES = 80
STRUCK_AT = 30


@dataclass(slots=True, kw_only=True)
class Talk:
    """Two screens that write to each other, and everything that was acknowledged."""

    conversation: str
    screens: list[SteadyDevice]
    acknowledged: list[JSON] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)

    def runs(self, strike: Callable[[], None]) -> None:
        """Let everyone write, strike in the middle, and wait until everyone is done."""
        writers = [threading.Thread(target=self._writes, args=(screen,)) for screen in self.screens]
        for writer in writers:
            writer.start()
        self.struck.wait(30)
        assert len(self.acknowledged) < MESSAGES * len(self.screens), "the strike came too late to matter"
        strike()
        for writer in writers:
            writer.join(90)
        assert not any(writer.is_alive() for writer in writers)
        assert self.failures == []

    def _writes(self, screen: SteadyDevice) -> None:
        try:
            for number in range(MESSAGES):
                body = f"{screen.person.email} {number} {new_id()}"
                reply = screen.sends(self.conversation, body)
                self.acknowledged.append({**reply, "body": body})
                if number == STRUCK_AT:
                    self.struck.set()
        except BaseException as failed:  # noqa: BLE001 - a thread's failure is told by the test
            self.failures.append(failed)
            self.struck.set()


def check(clinic: Clinic, talk: Talk) -> None:
    """Prove: each acknowledged message stored once under its seq, each log equal to the database's order."""
    reader = clinic.signs_in("nora@harbor.example")
    stored = reader.reads_everything(talk.conversation)
    by_seq = {entry["seq"]: entry for entry in stored}
    assert [entry["seq"] for entry in stored] == list(range(1, len(stored) + 1))
    for reply in talk.acknowledged:
        assert by_seq[reply["seq"]]["message"]["id"] == reply["message_id"]
        assert by_seq[reply["seq"]]["message"]["body"] == reply["body"]
    bodies = [entry["message"]["body"] for entry in stored if entry["type"] == "message.posted"]
    assert len(bodies) == len(set(bodies))
    assert len(talk.acknowledged) == MESSAGES * len(talk.screens)
    for screen in talk.screens:
        screen.catches_up_to((talk.conversation, "shared"), stored[-1]["seq"])
        screen.closes()
        heard = [entry["seq"] for entry in screen.log[(talk.conversation, "shared")]]
        assert screen.breaches == []
        assert heard == list(range(heard[0], stored[-1]["seq"] + 1))


def between_nurse_and_patient(clinic: Clinic) -> Talk:
    """Return a talk over both gateways, in a conversation of its own."""
    nora, ada = clinic.signs_in("nora@harbor.example"), clinic.signs_in("ada@patients.example")
    conversation = ada.writes_to_care_team(f"Killing {new_id()}", "Are you there?")
    return Talk(conversation=conversation, screens=[nora.steady_device(), ada.steady_device()])


@pytest.mark.parametrize("name", [RELAY, CONVERSATIONS, STAFF, PORTAL, AUTH])
def test_a_killed_process_loses_nothing_acknowledged(clinic: Clinic, name: str) -> None:
    """One process dies in the middle of the talk and comes back: nothing lost, doubled or out of order."""
    talk = between_nurse_and_patient(clinic)

    def strike() -> None:
        clinic.kills(name)
        clinic.starts(name)

    talk.runs(strike)

    check(clinic, talk)


def test_a_broker_that_cuts_every_connection_loses_nothing(clinic: Clinic) -> None:
    """All connections to the broker end at once: gateways and relay come back and fill the holes themselves."""
    talk = between_nurse_and_patient(clinic)

    talk.runs(lambda: assert_some(clinic.rabbit.drop_connections("/")))

    check(clinic, talk)


def assert_some(dropped: int) -> None:
    """Insist that there was something to cut."""
    assert dropped > 0
