"""A new release by day: every process is replaced, one after the other, while people write; nobody loses anything."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx

from client import LineLost
from tests.support.balancer import Balancer, balanced
from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, STAFF, Clinic
from tests.support.person import JSON, Person, SteadyDevice, new_id
from tests.support.ports import LOOPBACK, wait_until
from wire.problems import Unavailable

LONGEST_S = 2.0
"""How long a send may take at any moment."""
SIGNS_IN_S = 5.0
"""How long a sign-in may take: most of it is the password's hash, of which few are made at once."""
BETWEEN_S = 0.1
AT_ONCE_S = 1.0


@dataclass(slots=True, kw_only=True)
class Writer:
    """Somebody who writes a message after the other, each until it is acknowledged, as the page does."""

    screen: SteadyDevice
    conversation: str
    acknowledged: list[JSON] = field(default_factory=list)
    longest_s: float = 0.0

    def writes(self) -> None:
        """Write one message."""
        body, began = f"{self.screen.person.email} {new_id()}", time.monotonic()
        reply = self.screen.sends(self.conversation, body)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.acknowledged.append({**reply, "body": body})


def test_every_process_is_replaced_while_people_write(clinic: Clinic) -> None:
    """Auth, conversations, relay and both gateways: nothing lost, doubled or out of order, nobody waits over 2 s."""
    with _fleet(clinic) as fleet:
        nora, ada = fleet.signs_in("nora@harbor.example"), fleet.signs_in("ada@patients.example")
        conversation = ada.writes_to_care_team(f"Rolling {new_id()}", "Are you there?")
        writers = [Writer(screen=who.steady_device(), conversation=conversation) for who in (nora, ada)]
        sign_ins: list[float] = []
        codes: dict[str, int] = {}
        with _meanwhile(*(writer.writes for writer in writers), lambda: sign_ins.append(fleet.times_a_sign_in())):
            for name in (AUTH, CONVERSATIONS, RELAY, STAFF, PORTAL):
                codes[name] = fleet.replaces(name)
                _all_write_on(writers, f"all writing on, with a new {name}")
        stored = nora.reads_everything(conversation)
        for writer in writers:
            writer.screen.catches_up_to((conversation, "shared"), stored[-1]["seq"])
            writer.screen.closes()

    assert codes == dict.fromkeys((AUTH, CONVERSATIONS, RELAY, STAFF, PORTAL), 0)
    _nothing_is_amiss(stored, writers)
    assert max(writer.longest_s for writer in writers) <= LONGEST_S
    assert max(sign_ins) <= SIGNS_IN_S


def test_who_comes_while_a_process_ends_is_answered_or_refused_at_once(clinic: Clinic) -> None:
    """Nobody queues at a door that stays shut: conversations and auth, with a kept connection open to each."""
    for name in (CONVERSATIONS, AUTH):
        with clinic.replica(name) as ending, httpx.Client() as kept:
            door = f"{clinic.origin_of(ending)}/livez"
            kept.get(door)
            longest, ended = 0.0, threading.Thread(target=clinic.stops, args=(ending,))
            ended.start()
            while True:
                began = time.monotonic()
                try:
                    httpx.get(door, timeout=10)
                except httpx.TransportError:
                    break
                finally:
                    longest = max(longest, time.monotonic() - began)
            ended.join()

        assert longest < AT_ONCE_S, (name, longest)


def _all_write_on(writers: list[Writer], what: str) -> None:
    """Wait until each wrote twice more: the next process is not started while anybody looks for a way back in.

    Twice, as the first may have been acknowledged before the old process ended and be noted only now.
    """
    counts = [len(writer.acknowledged) + 2 for writer in writers]
    wait_until(
        lambda: all(len(writer.acknowledged) >= count for writer, count in zip(writers, counts, strict=True)),
        within_s=20,
        what=what,
    )


def _nothing_is_amiss(stored: list[JSON], writers: list[Writer]) -> None:
    """Each acknowledged message is stored once under its seq, and each log is the database's order."""
    by_seq = {entry["seq"]: entry for entry in stored}
    assert sorted(by_seq) == list(range(1, len(stored) + 1))
    acknowledged = [reply for writer in writers for reply in writer.acknowledged]
    assert all(by_seq[reply["seq"]]["message"]["body"] == reply["body"] for reply in acknowledged)
    bodies = [entry["message"]["body"] for entry in stored if entry["type"] == "message.posted"]
    assert len(bodies) == len(set(bodies)) == len(acknowledged) + 1
    for writer in writers:
        heard = [entry["seq"] for entry in writer.screen.log[writer.conversation, "shared"]]
        assert writer.screen.breaches == []
        assert heard == list(range(heard[0], stored[-1]["seq"] + 1))


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The clinic behind balancers, and the one process of each service that is in use."""

    clinic: Clinic
    stack: ExitStack
    doors: dict[str, Balancer]
    present: dict[str, str]

    def signs_in(self, email: str) -> Person:
        """Sign somebody in who goes through the balancers from then on."""
        door = self.doors[PORTAL if email.endswith("patients.example") else STAFF]
        return Person(_at(door), email, auth_origin=_at(self.doors[AUTH])).signs_in()

    def times_a_sign_in(self) -> float:
        """Return how long it takes somebody to sign in, trying until it works; then rest, for a hash is work."""
        time.sleep(0.5)
        began = time.monotonic()
        while True:
            try:
                self.signs_in("rosa@harbor.example")
            except (Unavailable, LineLost):
                time.sleep(0.02)
            else:
                return time.monotonic() - began

    def replaces(self, name: str) -> int:
        """Start another process of a service, lead people there as well, and end the old one; returns its exit code."""
        old, new = self.present[name], self.starts(name)
        if name in self.doors:
            next_port = self.clinic.programs[new].port
            self.doors[name].leads_to(self.clinic.programs[old].port, next_port)
            _leads_to(self.doors[name], next_port)
        self.present[name] = new
        return self.clinic.stops(old)

    def starts(self, name: str) -> str:
        """Start one more process that calls others through the balancers."""
        inside = {"AUTH_URL": _at(self.doors[AUTH])}
        if CONVERSATIONS in self.doors:
            inside["CONVERSATIONS_URL"] = _at(self.doors[CONVERSATIONS])
        return self.stack.enter_context(self.clinic.replica(name, **inside))


@contextmanager
def _fleet(clinic: Clinic) -> Iterator[Fleet]:
    with ExitStack() as stack:
        fleet = Fleet(clinic=clinic, stack=stack, doors={}, present={AUTH: AUTH, RELAY: RELAY})
        fleet.doors[AUTH] = stack.enter_context(balanced(clinic.programs[AUTH].port))
        for name in (CONVERSATIONS, STAFF, PORTAL):
            fleet.present[name] = fleet.starts(name)
            fleet.doors[name] = stack.enter_context(balanced(clinic.programs[fleet.present[name]].port))
        for name, door in fleet.doors.items():
            _leads_to(door, clinic.programs[fleet.present[name]].port)
        yield fleet


@contextmanager
def _meanwhile(*does: Callable[[], object]) -> Iterator[None]:
    """Do each thing again and again beside what the block does; what one of them raised is raised at its end."""
    over = threading.Event()
    failures: list[BaseException] = []

    def again_and_again(do: Callable[[], object]) -> None:
        try:
            while not over.wait(BETWEEN_S):
                do()
        except BaseException as failed:  # noqa: BLE001 - a thread's failure is told by the test
            failures.append(failed)

    threads = [threading.Thread(target=again_and_again, args=(do,)) for do in does]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert failures == []


def _leads_to(door: Balancer, port: int) -> None:
    wait_until(lambda: door.leads_callers_to(port), within_s=10, what="callers led to the new process")


def _at(door: Balancer) -> str:
    return f"http://{LOOPBACK}:{door.port}"
