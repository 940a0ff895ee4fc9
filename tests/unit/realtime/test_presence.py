"""Who is there: told where a colleague asked, by every process that knows, seldom, and to nobody else."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from wsproto.connection import Connection as FrameReader
from wsproto.connection import ConnectionType

from realtime.onlookers import ASK_AGAIN_S, GONE_AFTER_S, SETTLE_S
from realtime.presence import GONE_AFTER_S as LEFT_AFTER_S
from realtime.presence import LOOK_BACK_EVERY_S, REMEMBER_S, WAITING_AT_MOST, Presence, Seat
from realtime.pushes import Push
from realtime.session import Credentials, Session
from realtime.timing import Timing
from tests.unit.realtime.stage import DMITRI, NORA, OTHER, WARD, Clock, Stage, claims, entry, says, settles
from wire.changes import Change, ChangeType
from wire.claims import Plane
from wire.events import Event
from wire.ids import ConversationId, OrganisationId, UserId, new_id
from wire.problems import NotFound, Problem, Unavailable

ROSA = UserId("01930000-0000-7000-8000-000000000103")


class Screen:
    """A socket's seat, and what its person was shown."""

    def __init__(self, user_id: UserId, clock: Clock) -> None:
        stage = Stage()
        credentials = Credentials(claims=claims(user_id), access_token=user_id)
        self.frames: list[dict[str, Any]] = []
        self._reader = FrameReader(ConnectionType.CLIENT)
        self.seat = Seat(session=Session(credentials, stage.doorkeeper, clock, 0.0), offer=self._takes)

    @property
    def shown(self) -> list[tuple[str, str]]:
        return [(frame["user_id"], frame["state"]) for frame in self.frames]

    def _takes(self, pushed: Push) -> None:
        self._reader.receive_data(pushed.frame)
        self.frames += [orjson.loads(event.data) for event in self._reader.events()]  # type: ignore[attr-defined] # text only


class Clinic:
    """Two gateway processes and conversations between them, which tells everybody what anybody said."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.members: dict[ConversationId, list[UserId]] = {WARD: [NORA, DMITRI]}
        self.said: list[tuple[UserId, ConversationId, str]] = []
        self.refuses: Problem | None = None
        timing = Timing(clock=self.clock, ticks=self.clock.ticks, spread=lambda: 0.0)
        self.one, self.two = (Presence(self, timing, plane="staff") for _ in range(2))
        self._events: list[Event] = []

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        if self.refuses is not None:
            raise self.refuses
        return [self._mark(item) for item in items]

    def comes(self, user_id: UserId, at: Presence, *, looks_at: ConversationId | None = None) -> Screen:
        screen = Screen(user_id, self.clock)
        at.come(screen.seat)
        if looks_at is not None:
            at.watch(screen.seat, looks_at, away=False)
        self.passes(0.0)
        return screen

    def passes(self, seconds: float) -> None:
        """Let time pass in steps, each process doing what is due and hearing what was said."""
        end = self.clock.passed + seconds
        while True:
            for _ in range(4):
                for process in (self.one, self.two):
                    process.look()
                events, self._events = self._events, []
                for event in events:
                    self.one.hear(event)
                    self.two.hear(event)
            if self.clock.passed >= end:
                return
            self.clock.turns(min(0.5, end - self.clock.passed))

    def _mark(self, item: Mapping[str, Any]) -> Problem | None:
        user_id, conversation_id = UserId(item["token"]), item["conversation_id"]
        members = self.members.get(conversation_id, [])
        if user_id not in members:
            return NotFound()
        self.said.append((user_id, conversation_id, item["state"]))
        body = {"conversation_id": conversation_id, "user_id": user_id, "state": item["state"], "asks": item["asks"]}
        self._events.append(
            Event(event_id=new_id(), type="presence", org=OrganisationId("o"), audience=tuple(members), body=body)
        )
        return None


@pytest.fixture
def clinic() -> Clinic:
    """Give two processes."""
    return Clinic()


def test_whoever_opens_a_conversation_is_shown_who_is_there(clinic: Clinic) -> None:
    """The other process answers for its own people; nobody is shown to themselves."""
    clinic.comes(DMITRI, clinic.two)

    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(1)

    assert nora.shown == [(DMITRI, "online")]


def test_whoever_asked_nothing_is_told_nothing(clinic: Clinic) -> None:
    """Neither of people in other conversations, nor where nobody looks."""
    clinic.members[OTHER] = [NORA, ROSA]
    dmitri = clinic.comes(DMITRI, clinic.two)
    rosa = clinic.comes(ROSA, clinic.two, looks_at=OTHER)

    clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(3)

    assert dmitri.shown == []
    assert rosa.shown == [(NORA, "online")]


def test_what_changes_is_told_to_whoever_looks(clinic: Clinic) -> None:
    """Away, back, gone; what is less waits for a moment in which another device may say better."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)

    clinic.two.watch(dmitri.seat, None, away=True)
    clinic.passes(2)
    clinic.two.watch(dmitri.seat, None, away=False)
    clinic.passes(2)
    clinic.two.go(dmitri.seat)
    clinic.passes(LEFT_AFTER_S + SETTLE_S + 1)

    assert [state for _, state in nora.shown] == ["online", "away", "online", "offline"]


def test_somebody_who_comes_later_is_shown_too(clinic: Clinic) -> None:
    """The question is remembered for people who were not there when it was asked."""
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(5)

    clinic.comes(DMITRI, clinic.two)
    clinic.passes(1)

    assert nora.shown == [(DMITRI, "online")]


def test_one_is_away_when_all_devices_say_so_and_offline_when_none_is_left(clinic: Clinic) -> None:
    """Also over two processes: the one that still has them contradicts the one that lost them."""
    here, there = clinic.comes(DMITRI, clinic.one), clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)

    clinic.one.watch(here.seat, None, away=True)
    clinic.passes(4)
    clinic.one.go(here.seat)
    clinic.passes(6)
    assert [state for _, state in nora.shown] == ["online"]

    clinic.two.go(there.seat)
    clinic.passes(6)
    assert [state for _, state in nora.shown] == ["online", "offline"]


def test_a_page_that_is_loaded_again_is_not_worth_a_word(clinic: Clinic) -> None:
    """Whoever is back within a moment was never gone."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)
    told = len(clinic.said)

    clinic.two.go(dmitri.seat)
    clinic.comes(DMITRI, clinic.two)
    clinic.passes(6)

    assert len(clinic.said) == told
    assert nora.shown == [(DMITRI, "online")]


def test_removal_ends_it(clinic: Clinic) -> None:
    """Whoever is no longer in the audience is shown nothing more, and what they asked about is forgotten."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)
    shown = list(nora.shown)

    clinic.members[WARD] = [DMITRI]
    clinic.two.watch(dmitri.seat, WARD, away=True)
    clinic.passes(ASK_AGAIN_S + LOOK_BACK_EVERY_S)

    assert nora.shown == shown
    assert nora.seat.watching is None


def test_somebody_whose_gateway_died_is_shown_as_gone_in_the_end(clinic: Clinic) -> None:
    """Two questions go unanswered."""
    clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)

    clinic.two = clinic.one
    clinic.passes(GONE_AFTER_S + LOOK_BACK_EVERY_S + SETTLE_S + 1)

    assert nora.shown == [(DMITRI, "online"), (DMITRI, "offline")]


def test_whoever_goes_on_looking_is_kept_up_to_date_for_as_long_as_they_look(clinic: Clinic) -> None:
    """The question is asked again before it is forgotten, and what did not change is not shown twice."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(3 * REMEMBER_S)
    assert nora.shown == [(DMITRI, "online")]

    clinic.two.watch(dmitri.seat, None, away=True)
    clinic.passes(2)

    assert nora.shown[-1] == (DMITRI, "away")


def test_what_nobody_asks_about_any_more_is_told_nobody(clinic: Clinic) -> None:
    """After the last onlooker went, the question lapses."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.one.watch(nora.seat, None, away=False)
    clinic.passes(REMEMBER_S + 2 * LOOK_BACK_EVERY_S)
    told = len(clinic.said)

    clinic.two.watch(dmitri.seat, None, away=True)
    clinic.passes(5)

    assert len(clinic.said) == told


def test_whoever_signs_out_is_shown_as_gone_unless_another_session_says_otherwise(clinic: Clinic) -> None:
    """With a revoked token nobody can say any more that they went."""
    clinic.comes(DMITRI, clinic.two)
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(2)
    signed_out = Change(
        position=1,
        type=ChangeType.SESSION_REVOKED,
        at="2026-11-22T12:00:00.000Z",
        org=OrganisationId("o"),
        user_id=DMITRI,
        session_id=None,
        tokens_before=None,
        reason="signed_out",
        user=None,
    )

    clinic.one.doubt(signed_out)
    clinic.passes(3)
    assert nora.shown == [(DMITRI, "online")]

    clinic.two = clinic.one
    clinic.one.doubt(signed_out)
    clinic.passes(3)
    assert nora.shown == [(DMITRI, "online"), (DMITRI, "offline")]


def test_a_client_that_flutters_is_told_of_once_a_second(clinic: Clinic) -> None:
    """The newest state wins."""
    dmitri = clinic.comes(DMITRI, clinic.two)
    clinic.comes(NORA, clinic.one, looks_at=WARD)
    clinic.passes(5)
    told = len(clinic.said)

    for number in range(200):
        clinic.two.watch(dmitri.seat, None, away=number % 2 == 0)
        clinic.two.watch(dmitri.seat, WARD if number % 3 else None, away=number % 2 == 0)
        clinic.passes(0.01)

    assert len([one for one in clinic.said[told:] if one[0] == DMITRI]) <= 4


def test_what_cannot_be_told_is_dropped_and_what_follows_is_told(clinic: Clinic) -> None:
    """Conversations was away; the bound of what may wait holds."""
    nora = clinic.comes(NORA, clinic.one)
    clinic.refuses = Unavailable()
    for number in range(WAITING_AT_MOST + 10):
        clinic.one.watch(nora.seat, ConversationId(f"c{number}"), away=False)
    clinic.passes(1)
    assert clinic.said == []

    clinic.refuses = None
    clinic.comes(DMITRI, clinic.two)
    clinic.one.watch(nora.seat, WARD, away=False)
    clinic.passes(2)

    assert nora.shown == [(DMITRI, "online")]


def test_an_event_nobody_understands_harms_nothing(clinic: Clinic) -> None:
    """It is skipped."""
    nora = clinic.comes(NORA, clinic.one, looks_at=WARD)
    for body in ({}, {"user_id": DMITRI, "conversation_id": WARD, "state": "asleep", "asks": False}):
        clinic.one.hear(
            Event(event_id=new_id(), type="presence", org=OrganisationId("o"), audience=(NORA, DMITRI), body=body)
        )

    assert nora.shown == []


# At the socket.


def watching(stage: Stage, conversation_id: object, **more: object) -> dict[str, Any]:
    """Return the reply to `watch` of somebody who has said hello."""
    connection = stage.greeted()
    says(connection, "watch", ref="w", conversation_id=conversation_id, **more)
    settles()
    return stage.wire.reply("w")


def test_a_conversation_one_takes_part_in_may_be_watched() -> None:
    """The reply says no more than that; the question goes to conversations with one's own token."""
    stage = Stage()
    stage.conversations.holds(entry(1))

    reply = watching(stage, WARD)
    stage.presence.look()

    assert reply == {"ref": "w", "ok": True}
    [told] = stage.conversations.marked
    assert told == {
        "token": "first",
        "kind": "presence",
        "conversation_id": WARD,
        "state": "online",
        "asks": True,
    }


def test_a_strangers_conversation_is_not_there_to_be_watched() -> None:
    """Conversations is asked, and its refusal is the answer; nothing is asked again."""
    stage = Stage()
    stage.conversations.holds(entry(1))

    reply = watching(stage, OTHER)
    stage.presence.look()

    assert reply["problem"]["code"] == "not_found"
    assert [one["asks"] for one in stage.conversations.marked] == [False]


@pytest.mark.parametrize("conversation_id", [7, "", "x", [WARD], {"id": WARD}, WARD + "\u202e"])
def test_what_is_no_id_cannot_be_watched(conversation_id: object) -> None:
    """The field is named."""
    reply = watching(Stage(), conversation_id)

    assert reply["problem"]["code"] == "invalid"
    assert list(reply["problem"]["errors"]) == ["conversation_id"]


def test_patients_neither_watch_nor_are_watched() -> None:
    """On the portal there is no such op."""
    stage = Stage(plane=Plane.PORTAL)
    stage.conversations.holds(entry(1))

    reply = watching(stage, WARD)
    stage.presence.look()

    assert reply["problem"]["code"] == "invalid"
    assert stage.conversations.marked == []


def test_a_socket_that_went_is_no_longer_there() -> None:
    """Its person is offline, and it looks at nothing."""
    stage = Stage()
    stage.conversations.holds(entry(1))
    connection = stage.greeted()
    says(connection, "watch", conversation_id=WARD)
    assert stage.presence.state_of(NORA) == "online"

    connection.finish(0)

    assert stage.presence.state_of(NORA) == "offline"
