"""Who is told on their devices: those who may hear it, have not read it and want to be told; each message once."""

from typing import Any

import pytest
from sqlalchemy import func, select

from conversations.service.noticing import Noticing
from conversations.service.subscribing import MOST
from conversations.tables import push_notices
from servicekit.clock import utc_now
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
from wire.changes import Change, ChangeType
from wire.ids import OrganisationId, SessionId, UserId, new_id
from wire.permissions import Permission

SERVICE = "https://push.example/"


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse whose browser wants to be told."""
    nurse = house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)
    subscribes(nurse, "nora")
    return nurse


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor, likewise."""
    doctor = house.staff("Dmitri", Permission.PATIENT_SEND)
    subscribes(doctor, "dmitri")
    return doctor


@pytest.fixture
def talk(nora: Somebody, dmitri: Somebody) -> str:
    """Give their conversation."""
    return str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])


def subscribes(who: Somebody, browser: str) -> int:
    """Have a browser of theirs told."""
    return who.asks("PUT", "/push/subscription", {"endpoint": SERVICE + browser}).status


def message(who: Somebody, conversation: str, body: str = "Look", **more: object) -> str:
    """Post a message; return its id."""
    return str(who.posts(conversation, body, **more)["entry"]["message"]["id"])


def told(house: Inside, *messages: str, plane: str = "staff", org: str | None = None) -> dict[str, bool]:
    """Ask as a gateway whom to tell; return whether it is urgent by browser."""
    items = [{"org": org or house.org, "message_id": one} for one in messages]
    answer = house.call("POST", "/push/addressees", {"items": items}, headers=house.service(plane))
    assert answer.status == 200, answer
    return {each["endpoint"].removeprefix(SERVICE): each["urgent"] for each in answer.json["items"]}


def test_the_other_is_told_once_and_the_author_never(house: Inside, dmitri: Somebody, talk: str) -> None:
    """The second gateway that asks, and the second time, gets nobody."""
    posted = message(dmitri, talk)

    assert told(house, posted) == {"nora": False}
    assert told(house, posted) == {}


def test_where_nobody_is_told_nothing_is_kept(house: Inside, nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """Neither of a plane without browsers nor of what everybody has read."""
    seen = dmitri.posts(talk, "Seen")["entry"]
    nora.reads(talk, seen["seq"])

    assert told(house, seen["message"]["id"]) == told(house, message(dmitri, talk), plane="portal") == {}
    with transaction(house.owner) as connection:
        assert connection.execute(select(func.count()).select_from(push_notices)).scalar() == 0


def test_one_notice_stands_for_several_messages_and_is_urgent_if_one_is(
    house: Inside, dmitri: Somebody, talk: str
) -> None:
    """A browser is called once for what came together."""
    posted = [message(dmitri, talk), message(dmitri, talk, priority="urgent"), message(dmitri, talk)]

    assert told(house, *posted) == {"nora": True}


def test_whoever_has_read_it_is_left_alone(house: Inside, nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """And so is everybody once it was recalled."""
    seen = dmitri.posts(talk, "Seen")["entry"]
    nora.reads(talk, seen["seq"])
    recalled = message(dmitri, talk)
    dmitri.asks("DELETE", f"/messages/{recalled}")

    assert told(house, seen["message"]["id"], recalled) == {}


@pytest.mark.parametrize(("notify", "plainly", "by_name"), [("all", 1, 1), ("mentions", 0, 1), ("none", 0, 0)])
def test_what_a_person_prefers_holds(
    house: Inside, nora: Somebody, dmitri: Somebody, talk: str, notify: str, plainly: int, by_name: int
) -> None:
    """All, only where they are mentioned, or none."""
    nora.asks("PUT", f"/conversations/{talk}/preferences", {"notify": notify})

    assert len(told(house, message(dmitri, talk))) == plainly
    assert len(told(house, message(dmitri, talk, mentions=[nora.id]))) == by_name


def test_a_patient_is_not_told_of_what_they_do_not_see(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """A note is none of the portal's; each plane is told of its own people only."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    subscribes(ada, "ada")
    conversation = ada.opens("patient", "Question", subject="Tablets").json["id"]
    note, reply = message(nora, conversation, stream="internal"), message(nora, conversation)

    assert told(house, note, plane="portal") == {}
    assert told(house, reply, plane="portal") == {"ada": False}
    assert told(house, note, reply) == {"dmitri": False}


def test_a_newcomer_is_not_told_of_what_was_said_before(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """Nor is anybody who left."""
    rosa = house.staff("Rosa")
    subscribes(rosa, "rosa")
    group = nora.opens("group", subject="Ward", participant_ids=[dmitri.id]).json["id"]
    before = message(nora, group)
    nora.asks("POST", f"/conversations/{group}/participants", {"user_id": rosa.id})
    nora.asks("DELETE", f"/conversations/{group}/participants/{dmitri.id}")

    assert told(house, before) == {}
    assert told(house, message(nora, group)) == {"rosa": False}


def test_another_organisations_message_is_not_found(house: Inside, dmitri: Somebody, talk: str) -> None:
    """Nobody is told of a message under a foreign organisation's name."""
    assert told(house, message(dmitri, talk), org=new_id()) == {}


def test_an_address_that_is_gone_is_forgotten_by_its_own_plane_only(house: Inside, nora: Somebody) -> None:
    """The portal's gateway cannot make staff deaf."""
    (row,) = house.rows("push_subscriptions")
    items = {"items": [{"org": nora.org, "subscription_id": row["id"]}]}

    house.call("POST", "/push/gone", items, headers=house.service("portal"))
    assert len(house.rows("push_subscriptions")) == 1
    house.call("POST", "/push/gone", items, headers=house.service("staff"))
    assert house.rows("push_subscriptions") == []


def test_a_browser_belongs_to_whoever_signed_in_last(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """On a shared machine the one before is told no more; taking it back is one's own only."""
    subscribes(nora, "shared")
    subscribes(dmitri, "shared")
    nora.asks("DELETE", "/push/subscription", {"endpoint": SERVICE + "shared"})

    (row,) = [row for row in house.rows("push_subscriptions") if row["endpoint"].endswith("shared")]
    assert row["user_id"] == dmitri.id


def test_a_person_has_so_many_browsers_and_no_more(house: Inside, nora: Somebody) -> None:
    """The one used longest ago makes room."""
    for number in range(MOST):
        subscribes(nora, f"browser {number}")

    endpoints = {row["endpoint"].removeprefix(SERVICE) for row in house.rows("push_subscriptions")}
    assert endpoints == {f"browser {number}" for number in range(MOST)}


@pytest.mark.parametrize("whole_person", [False, True])
def test_what_ends_a_session_ends_its_notices(
    house: Inside, nora: Somebody, dmitri: Somebody, *, whole_person: bool
) -> None:
    """A sign-out ends those of its session; anything taken from a person ends all of theirs."""
    other = Somebody(house=house, id=nora.id, org=nora.org, name="Nora", plane="staff", permissions=nora.permissions)
    subscribes(other, "phone")
    noticing = Noticing(house.owner, clock=utc_now)

    noticing.hear(_ended(nora, whole_person=whole_person))
    noticing.end()

    left = {row["endpoint"].removeprefix(SERVICE) for row in house.rows("push_subscriptions")}
    assert left == ({"dmitri"} if whole_person else {"dmitri", "phone"})
    assert dmitri.org == house.org


@pytest.mark.parametrize("path", ["/push/addressees", "/push/gone"])
def test_only_a_gateway_may_ask(house: Inside, nora: Somebody, path: str) -> None:
    """A user's token opens neither door."""
    answer = house.call("POST", path, {"items": []}, headers={"Authorization": f"Bearer {nora.token}"})

    assert answer.status == 401


def test_an_address_shows_nowhere_but_to_its_gateway(house: Inside, nora: Somebody) -> None:
    """Neither on the record nor in what leaves for the broker."""
    kept: list[Any] = [*house.rows("audit"), *house.rows("outbox")]

    assert SERVICE not in str(kept)
    assert any(row["action"] == "push.subscribed" for row in house.rows("audit"))
    assert nora.id


def _ended(who: Somebody, *, whole_person: bool) -> Change:
    return Change(
        position=7,
        type=ChangeType.USER_CHANGED if whole_person else ChangeType.SESSION_REVOKED,
        at="2026-11-22T08:00:00.000Z",
        org=OrganisationId(who.org),
        user_id=UserId(who.id),
        session_id=None if whole_person else SessionId(who.session),
        tokens_before=1 if whole_person else None,
        reason="test",
        user=None,
    )
