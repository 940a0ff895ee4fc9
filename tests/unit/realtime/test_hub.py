"""Who is connected here, who hears what, and whose socket ends when something is taken away."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from realtime.connection import Connection
from realtime.hub import Hub
from realtime.revocations import Revoker
from realtime.session import Credentials
from realtime.subscriber import CONFIRM_UP_TO, Subscriber
from servicekit.exchange import Message
from tests.unit.realtime.stage import (
    DMITRI,
    NOON,
    NORA,
    WARD,
    ShowAll,
    ShowShared,
    Stage,
    Wire,
    claims,
    entry,
    says,
    session_id,
    settles,
)
from wire import samples
from wire.changes import Account, Change, ChangeType
from wire.events import MESSAGES, Event, encode_batch
from wire.ids import OrganisationId, UserId, new_id
from wire.permissions import Permission

ORG = OrganisationId("01930000-0000-7000-8000-000000000001")


class House:
    """A hub with its subscriber and revoker, and the wires of whoever came in."""

    def __init__(self, presenter: Any = None, sockets_per_user: int = 10) -> None:  # noqa: ANN401 - any presenter
        self.stage = Stage()
        self.stage.conversations.holds(entry(1))
        self.hub = Hub(plane="staff", sockets_per_user=sockets_per_user)
        self.subscriber = Subscriber(self.hub, presenter or ShowAll(), self.stage.presence, lambda: NOON, plane="staff")
        self.revoker = Revoker(self.hub, Permission.VIEW)

    def comes_in(
        self, user_id: UserId, *, session: int = 1, renew: Callable[[], Credentials] | None = None
    ) -> tuple[Connection, Wire]:
        wire = Wire()
        connection = self.stage.opens(claims(user_id, session=session), wire=wire, renew=renew)
        assert self.hub.add(connection)
        says(connection, "hello")
        settles()
        return connection, wire

    def hears(self, *events: Event) -> None:
        body = encode_batch(events)
        self.subscriber.hear(
            Message(exchange=MESSAGES, routing_key="staff.x.y", body=body, type="batch", message_id="m")
        )
        settles()


def event(kind: str, body: Mapping[str, Any], *audience: UserId) -> Event:
    """Return an event for these people."""
    return Event(event_id=new_id(), type=kind, org=ORG, audience=audience, body=body)


def posted(seq: int, *audience: UserId) -> Event:
    """Return the event of a message."""
    return event("message.posted", {"entry": entry(seq)}, *audience)


def change(**fields: Any) -> Change:  # noqa: ANN401 - the members of a change
    """Return a change of Nora's account."""
    members: dict[str, Any] = {
        "position": 1,
        "type": ChangeType.USER_CHANGED,
        "at": "2026-11-22T12:00:00.000Z",
        "org": ORG,
        "user_id": NORA,
        "session_id": None,
        "tokens_before": None,
        "reason": "changed",
        "user": account(),
    }
    return Change(**(members | fields))


def account(*, active: bool = True, permissions: tuple[str, ...] = (Permission.VIEW,)) -> Account:
    """Return Nora's account."""
    return Account(
        id=NORA,
        org=ORG,
        org_name="Harbor",
        kind="staff",
        name="Nora",
        title=None,
        active=active,
        permissions=permissions,
        patients=(),
    )


def test_an_event_reaches_every_socket_of_its_audience_and_nobody_else() -> None:
    """The audience is the event's own; the gateway decides nothing."""
    house = House()
    _, desk = house.comes_in(NORA)
    _, phone = house.comes_in(NORA)
    _, other = house.comes_in(DMITRI)

    house.hears(posted(2, NORA))

    assert desk.seqs() == phone.seqs() == [2]
    assert other.seqs() == []


def test_a_frame_is_made_once_for_all_who_get_it() -> None:
    """Presented once, encoded once, the same bytes for everybody."""

    class Counting(ShowAll):
        presented = 0

        def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
            self.presented += 1
            return entry

    presenter = Counting()
    house = House(presenter)
    for _ in range(5):
        house.comes_in(NORA)

    house.hears(posted(2, NORA))

    assert presenter.presented == 1


def test_what_this_plane_may_not_see_goes_no_further() -> None:
    """A presenter that shows nothing of it is the end of it."""
    house = House(ShowShared())
    _, wire = house.comes_in(NORA)

    house.hears(event("message.posted", {"entry": entry(1, stream="internal")}, NORA), posted(2, NORA))

    assert [push["stream"] for push in wire.pushes("entry")] == ["shared"]


@pytest.mark.parametrize(
    "odd",
    [
        event("message.posted", {"entry": None}, NORA),
        event("message.posted", {"entry": {}}, NORA),
        event("mark.read", {"seq": 1}, NORA),
        event("typing", {}, NORA),
        event("something.new", {}, NORA),
    ],
)
def test_an_event_nobody_understands_harms_none_beside_it(odd: Event) -> None:
    """Producers and consumers are deployed in any order."""
    house = House()
    _, wire = house.comes_in(NORA)

    house.hears(odd, posted(2, NORA))

    assert wire.seqs() == [2]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"batch": 1}', b'{"batch": [1]}', b'{"batch": [{}]}'])
def test_a_message_that_is_no_batch_is_skipped(body: bytes) -> None:
    """One odd frame must not break the listener."""
    house = House()
    _, wire = house.comes_in(NORA)

    house.subscriber.hear(Message(exchange=MESSAGES, routing_key="staff.x.y", body=body, type="t", message_id="m"))
    house.hears(posted(2, NORA))

    assert wire.seqs() == [2]


@pytest.mark.parametrize("name", [name for name in samples.load("events") if name != "presence"])
def test_every_golden_event_is_understood(name: str) -> None:
    """Each becomes a push of a documented kind; presence only where it is watched, which test_presence tells."""
    house = House()
    sample = dict(samples.load("events")[name])
    _, wire = house.comes_in(UserId(sample["audience"][0]))
    before = len(wire.frames)
    head = {field: sample.pop(field) for field in ("event_id", "type", "org", "audience")}

    house.hears(Event(**(head | {"audience": tuple(head["audience"])}), body=sample))
    settles(0.3)

    new = wire.frames[before:]
    own_typing = sample.get("user", {}).get("id") == head["audience"][0]
    assert len(new) == 1 or own_typing or "entry" in sample


def test_states_go_out_as_they_are_documented() -> None:
    """Marks, typing and removal, field by field."""
    house = House()
    _, wire = house.comes_in(NORA)
    mark = {"conversation_id": WARD, "user_id": DMITRI, "stream": "shared", "seq": 1}
    typing = {"conversation_id": WARD, "stream": "shared", "user": {"id": DMITRI, "name": "D"}, "active": True}

    house.hears(
        event("mark.read", mark, NORA),
        event("mark.delivered", mark, NORA),
        event("typing", typing, NORA),
        event("participant.removed", {"conversation_id": WARD}, NORA),
    )

    assert wire.pushes("read") == [{"push": "read", **mark}]
    assert wire.pushes("delivered") == [{"push": "delivered", **mark}]
    assert wire.pushes("typing") == [{"push": "typing", **typing}]
    assert wire.pushes("removed") == [{"push": "removed", "conversation_id": WARD}]


def test_a_crowds_devices_are_not_confirmed() -> None:
    """Nobody asks who of five hundred has it."""
    house = House()
    house.comes_in(NORA)
    crowd = tuple(UserId(new_id()) for _ in range(CONFIRM_UP_TO))

    house.hears(posted(2, NORA, *crowd))
    house.stage.marks.flush()

    assert house.stage.conversations.marked == []


def test_too_many_sockets_of_one_user_are_refused_and_room_is_made_again() -> None:
    """The newest is refused, the others stay."""
    house = House(sockets_per_user=2)
    first, _ = house.comes_in(NORA)
    house.comes_in(NORA)
    third = house.stage.opens()

    refused = not house.hub.add(third)
    house.hub.remove(third)
    house.hub.remove(first)

    assert refused
    assert len(house.hub) == 1
    assert house.hub.add(third)


def test_a_socket_that_fails_harms_no_other() -> None:
    """Each is offered to by itself, over a copy of the set."""
    house = House()
    broken, _ = house.comes_in(NORA)
    _, wire = house.comes_in(NORA)
    broken._hearing = None  # type: ignore[assignment] # noqa: SLF001 - broken on purpose

    house.hears(posted(2, NORA))

    assert wire.seqs() == [2]


def test_a_revoked_session_ends_its_sockets_only() -> None:
    """4501, stay away."""
    house = House()
    _, here = house.comes_in(NORA, session=1)
    _, elsewhere = house.comes_in(NORA, session=2)

    house.revoker.apply(
        change(type=ChangeType.SESSION_REVOKED, session_id=session_id(1), reason="signed_out", user=None)
    )
    settles()

    assert here.close_code == 4501
    assert elsewhere.close_code is None


@pytest.mark.parametrize(
    ("taken", "code"),
    [
        ({"user": account(active=False), "reason": "deactivated", "tokens_before": int(NOON.timestamp())}, 4501),
        ({"user": account(permissions=()), "reason": "permissions", "tokens_before": int(NOON.timestamp())}, 4503),
        ({"reason": "signed_out_everywhere", "tokens_before": int(NOON.timestamp())}, 4501),
        ({"reason": "password", "tokens_before": int(NOON.timestamp())}, 4501),
        ({"reason": "permissions", "tokens_before": int(NOON.timestamp())}, 4001),
        ({"reason": "permissions", "tokens_before": int(NOON.timestamp()) - 1}, None),
        ({"reason": "changed"}, None),
    ],
)
def test_what_is_taken_from_a_person_ends_exactly_their_sockets(taken: dict[str, Any], code: int | None) -> None:
    """And what takes nothing away ends none."""
    house = House()
    _, noras = house.comes_in(NORA)
    _, dmitris = house.comes_in(DMITRI)

    house.revoker.apply(change(**taken))
    settles()

    assert noras.close_code == code
    assert dmitris.close_code is None


def test_a_browser_that_lost_a_permission_it_does_not_need_gets_a_new_token() -> None:
    """And goes on."""
    house = House()
    connection, wire = house.comes_in(NORA, renew=lambda: Credentials(claims=claims(issued_s=1), access_token="second"))

    house.revoker.apply(change(reason="permissions", tokens_before=int(NOON.timestamp())))
    settles()

    assert connection.session.access_token == "second"
    assert wire.close_code is None
