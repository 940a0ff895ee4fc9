"""The relay's promises, on SQLite and the in-process exchange: order, at least once, patience."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from conversations import outbox
from conversations.model import Parcel
from conversations.outbox import Bell
from conversations.relay import BYTES_AT_ONCE, Relay, messages
from conversations.relay.outlet import Row, SqliteOutlet, backlog, made_at
from servicekit import database
from servicekit.background import Background, Stop
from servicekit.exchange import Binding, ExchangeUnavailable, Message
from servicekit.inprocess import InProcessExchange
from tests.support.ports import wait_until
from wire.claims import Plane
from wire.events import MESSAGES, PULSE, PULSE_EVERY_S, Event, decode_batch, encode
from wire.ids import OrganisationId, UserId, new_id

HARBOR = "01930000-0000-7000-8000-000000000001"
HILLTOP = "01930000-0000-7000-8000-000000000002"


def event(event_id: str, kind: str = "message.posted", org: str = HARBOR, **body: object) -> str:
    """Return an encoded event."""
    made = Event(event_id=event_id, type=kind, org=OrganisationId(org), audience=(UserId("u"),), body=body)
    return encode(made).decode()


class Numbers:
    """Ids that count."""

    def __init__(self) -> None:
        self._next = count(1)

    def __call__(self) -> str:
        return str(next(self._next))


class Ear:
    """A gateway of each plane that writes down the events it hears."""

    def __init__(self, exchange: InProcessExchange) -> None:
        self.heard: dict[str, list[str]] = {"staff": [], "portal": []}
        self.pulses = {"staff": 0, "portal": 0}
        for plane in self.heard:
            exchange.subscribe(
                [Binding(exchange=MESSAGES, pattern=f"{plane}.#")],
                on_message=lambda message, plane=plane: self._hear(plane, message),  # type: ignore[misc]
            )

    def hears(self, plane: str, *ids: str) -> None:
        wait_until(lambda: len(self.heard[plane]) >= len(ids), within_s=5, what=f"{len(ids)} events on {plane}")
        assert self.heard[plane] == list(ids)

    def _hear(self, plane: str, message: Message) -> None:
        self.pulses[plane] += message.type == PULSE
        self.heard[plane] += [each.event_id for each in decode_batch(message.body)]


class Clinic:
    """A database with an outbox, an exchange and a relay between them."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self.engine = engine
        self.bell = bell
        self.exchange = InProcessExchange()
        self.ear = Ear(self.exchange)
        self._running: list[Background] = []

    def stores(self, *events: tuple[str | None, str | None], org: str = HARBOR, kind: str = "message.posted") -> None:
        with database.transaction(self.engine) as connection:
            outbox.put(connection, [Parcel(org=org, type=kind, staff=staff, portal=portal) for staff, portal in events])
        self.bell.ring()

    def starts_relay(self, publisher: object = None) -> Relay:
        relay = Relay(SqliteOutlet(self.engine, self.bell), publisher or self.exchange.publisher())  # type: ignore[arg-type]
        background = Background()
        background.add("relay", relay.run, wake=relay.wake)
        background.start()
        self._running.append(background)
        return relay

    def stops_relay(self) -> None:
        for background in self._running:
            assert background.stop(5) == ()
        self._running.clear()

    def is_empty(self) -> bool:
        return backlog(self.engine).rows == 0


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Give a clinic with an empty outbox."""
    engine = database.engine(f"sqlite:///{tmp_path / 'conversations.db'}")
    database.upgrade(engine, "conversations")
    made = Clinic(engine, Bell())
    yield made
    made.stops_relay()
    engine.dispose()


class Unsteady:
    """A publisher in front of a real one that fails as told."""

    def __init__(self, behind: object) -> None:
        self._behind = behind
        self.connected = True
        self.away = threading.Event()
        self.die_after_publishing = False
        self.attempts = 0
        self.hangs = threading.Event()
        self.hanging = False

    def publish(self, sent: Sequence[Message]) -> None:
        self.attempts += 1
        if self.away.is_set():
            raise ExchangeUnavailable("away")
        while self.hangs.is_set():
            self.hanging = True
            time.sleep(0.01)
        self._behind.publish(sent)  # type: ignore[attr-defined]
        if self.die_after_publishing:
            self.die_after_publishing = False
            raise SystemExit

    def close(self) -> None:
        """Hold nothing."""


def test_what_is_stored_is_heard_by_each_plane_that_may(clinic: Clinic) -> None:
    """Staff and portal get their own event of a row, and a row without one for the portal is silent there."""
    clinic.starts_relay()

    clinic.stores((event("1"), event("1p")), (event("2"), None), (None, event("3p")))

    clinic.ear.hears("staff", "1", "2")
    clinic.ear.hears("portal", "1p", "3p")
    wait_until(clinic.is_empty, within_s=5, what="an empty outbox")


def test_what_was_stored_before_the_start_goes_out_oldest_first(clinic: Clinic) -> None:
    """Rows left by a relay that died are published by the next one, in the order they were stored."""
    for number in range(1200):
        clinic.stores((event(str(number)), None), kind=("message.posted", "message.edited")[number % 7 == 0])

    clinic.starts_relay()

    clinic.ear.hears("staff", *(str(number) for number in range(1200)))


def test_a_broker_away_keeps_rows_and_does_not_spin(clinic: Clinic) -> None:
    """While publishing fails nothing is deleted and attempts are few; when the broker is back all goes out in order."""
    publisher = Unsteady(clinic.exchange.publisher())
    publisher.away.set()
    clinic.starts_relay(publisher)

    clinic.stores((event("1"), None), (event("2"), None))
    wait_until(lambda: publisher.attempts >= 3, within_s=5, what="three attempts")
    clinic.stores((event("3"), None))
    assert backlog(clinic.engine).rows == 3
    assert publisher.attempts < 20
    publisher.away.clear()

    clinic.ear.hears("staff", "1", "2", "3")
    wait_until(clinic.is_empty, within_s=5, what="an empty outbox")


def test_dying_between_publish_and_delete_publishes_again(clinic: Clinic) -> None:
    """What was sent but not deleted is sent once more: doubled at worst, never lost, still in order."""
    publisher = Unsteady(clinic.exchange.publisher())
    publisher.die_after_publishing = True
    clinic.stores((event("1"), None), (event("2"), None))

    relay = Relay(SqliteOutlet(clinic.engine, clinic.bell), publisher)
    with pytest.raises(SystemExit):
        relay.run(Stop())
    clinic.starts_relay()

    clinic.ear.hears("staff", "1", "2", "1", "2")
    wait_until(clinic.is_empty, within_s=5, what="an empty outbox")


def test_a_leader_says_to_both_planes_that_it_lives_and_one_that_hangs_does_not(clinic: Clinic) -> None:
    """Pulses come while nothing happens; a relay that hangs over one parcel gives no more of them."""
    publisher = Unsteady(clinic.exchange.publisher())
    clinic.starts_relay(publisher)

    wait_until(lambda: min(clinic.ear.pulses.values()) >= 2, within_s=5, what="two pulses on each plane")
    publisher.hangs.set()
    clinic.stores((event("1"), None))
    wait_until(lambda: publisher.hanging, within_s=5, what="the relay hanging")
    before = dict(clinic.ear.pulses)
    time.sleep(3 * PULSE_EVERY_S)
    silent = clinic.ear.pulses == before
    publisher.hangs.clear()

    clinic.ear.hears("staff", "1")
    assert silent
    wait_until(lambda: clinic.ear.pulses["portal"] > before["portal"], within_s=5, what="a pulse again")


def test_a_busy_leader_says_so_behind_what_it_publishes(clinic: Clinic) -> None:
    """A pulse goes with the parcel in which it falls due, behind all of it: it claims no more than is true."""
    now = [0.0]
    kinds: list[str] = []
    clinic.exchange.subscribe(
        [Binding(exchange=MESSAGES, pattern="staff.#")], on_message=lambda message: kinds.append(message.type)
    )
    for number in range(1200):
        clinic.stores((event(str(number)), None))

    relay = Relay(SqliteOutlet(clinic.engine, clinic.bell), clinic.exchange.publisher(), ticks=lambda: now[0])
    background = Background()
    background.add("relay", relay.run, wake=relay.wake)
    background.start()
    clinic.ear.hears("staff", *(str(number) for number in range(1200)))
    background.stop(5)

    assert kinds == ["message.posted", PULSE, "message.posted", "message.posted"]


def test_a_stopped_relay_has_deleted_what_was_confirmed(clinic: Clinic) -> None:
    """A graceful end repeats nothing for the next one."""
    clinic.starts_relay()
    clinic.stores(*((event(str(number)), None) for number in range(50)))
    wait_until(lambda: clinic.ear.heard["staff"] != [], within_s=5, what="the first event")

    clinic.stops_relay()
    clinic.starts_relay()
    clinic.stores((event("last"), None))

    clinic.ear.hears("staff", *(str(number) for number in range(50)), "last")


def test_the_backlog_tells_how_much_waits_and_since_when(clinic: Clinic) -> None:
    """An operator sees the depth of the outbox and the age of its oldest event."""
    assert backlog(clinic.engine).oldest is None
    clinic.stores((event("01930000-0000-7000-8000-0000000000aa"), None), (event(new_id()), None))

    found = backlog(clinic.engine)

    assert found.rows == 2
    assert found.oldest is not None
    assert found.oldest.timestamp() * 1000 == int("019300000000", 16)


rows = st.lists(
    st.tuples(
        st.sampled_from([HARBOR, HILLTOP]),
        st.sampled_from(["message.posted", "message.edited", "mark.read"]),
        st.booleans(),
        st.booleans(),
    )
)


@given(rows)
def test_joining_keeps_every_order_and_mixes_no_keys(drawn: list[tuple[str, str, bool, bool]]) -> None:
    """For each plane and organisation the events come out as they went in, each under its own key, none doubled."""
    stored = [
        Row(
            id=number,
            org=org,
            type=kind,
            staff=event(f"s{number}", kind, org) if staff else None,
            portal=event(f"p{number}", kind, org) if portal else None,
        )
        for number, (org, kind, staff, portal) in enumerate(drawn)
    ]

    sent = list(messages(stored, Numbers()))

    for plane in Plane:
        for org in (HARBOR, HILLTOP):
            there = [message for message in sent if message.routing_key.startswith(f"{plane}.{org}.")]
            events = [each for message in there for each in decode_batch(message.body)]
            wanted = [getattr(row, plane) for row in stored if row.org == org and getattr(row, plane)]
            assert [encode(each).decode() for each in events] == wanted
            for message in there:
                assert {each.type for each in decode_batch(message.body)} == {message.type}
                assert message.routing_key == f"{plane}.{org}.{message.type}"
    assert len({message.message_id for message in sent}) == len(sent)


def test_a_burst_of_one_kind_is_one_message_until_it_is_large() -> None:
    """Many small events share a message; large ones are split, so that no broker refuses them."""
    small = [Row(id=n, org=HARBOR, type="typing", staff=event(str(n), "typing"), portal=None) for n in range(100)]
    body = "x" * (BYTES_AT_ONCE // 3)
    large = [Row(id=n, org=HARBOR, type="t", staff=event(str(n), "t", text=body), portal=None) for n in range(9)]

    assert len(list(messages(small, Numbers()))) == 1
    assert [len(decode_batch(message.body)) for message in messages(large, Numbers())] == [2, 2, 2, 2, 1]


def test_an_event_tells_when_it_was_made_and_one_that_does_not_harms_nobody() -> None:
    """Its id is a UUIDv7; an id that is none, or no event at all, is no reason to stop publishing."""
    made = made_at(row(event("0193b3c0-0000-7000-8000-000000000001")))
    odd = [made_at(row(each)) for each in (event("nonsense"), "not json", None)]

    assert made == datetime.fromtimestamp(0x0193B3C00000 / 1000, UTC)
    assert odd == [None, None, None]


def test_the_lag_of_what_is_published_is_measured(clinic: Clinic) -> None:
    """From the making of a parcel's oldest event to the broker's confirm."""
    before = REGISTRY.get_sample_value("messages_relay_lag_seconds_count") or 0.0
    clinic.stores((event(new_id()), None), (event(new_id()), None))

    clinic.starts_relay()
    wait_until(clinic.is_empty, within_s=5, what="an empty outbox")

    assert (REGISTRY.get_sample_value("messages_relay_lag_seconds_count") or 0.0) - before == 1


def row(staff: str | None) -> Row:
    """Return a row of the outbox."""
    return Row(id=1, org=HARBOR, type="message.posted", staff=staff, portal=None)
