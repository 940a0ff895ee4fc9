"""The demo clinic is what protocol.md section 7 says, and seeding it again changes nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from conversations.demo import people, seed
from conversations.demo.talks import PIA, TALKS, Talk
from conversations.model import Stream
from conversations.outbox import Bell
from conversations.preparation import prepare
from conversations.service.desk import Desk
from conversations.service.reading import Page, Place, Reading
from conversations.tables import messages
from servicekit import database
from servicekit.clock import utc_now
from wire import demo
from wire.times import from_wire


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Give a database with the demo clinic in it."""
    engine = database.engine(f"sqlite:///{tmp_path_factory.mktemp('clinic') / 'conversations.db'}")
    assert prepare(engine, with_demo=True, clock=utc_now)
    yield engine
    engine.dispose()


@pytest.fixture
def reading(clinic: Engine) -> Reading:
    """Give the use cases of looking."""
    return Reading(Desk(clinic, clock=utc_now, new_id=lambda: "unused", bell=Bell()))


def listed(reading: Reading, user_id: str) -> dict[str, dict[str, object]]:
    """Return a person's conversations by id."""
    answer = reading.conversations(people.claims_of(user_id), Page())  # type: ignore[arg-type]
    return {one["id"]: one for one in answer["items"]}


@pytest.mark.parametrize(
    ("user_id", "theirs"),
    [
        (demo.NORA, {demo.NORA_AND_DMITRI, demo.WARD_3, demo.ADA_AND_HER_TEAM}),
        (demo.DMITRI, {demo.NORA_AND_DMITRI, demo.WARD_3, demo.ADA_AND_HER_TEAM, demo.MARIA_FOR_LEO}),
        (demo.ROSA, {demo.WARD_3}),
        (demo.OLGA, set()),
        (demo.HANA, {demo.HANA_AND_PIA}),
        (demo.ADA, {demo.ADA_AND_HER_TEAM}),
        (demo.MARIA, {demo.MARIA_FOR_LEO}),
        (demo.PIA, {demo.HANA_AND_PIA}),
    ],
)
def test_everybody_has_their_conversations(reading: Reading, user_id: str, theirs: set[str]) -> None:
    """Each person sees the conversations they take part in and no other."""
    assert set(listed(reading, user_id)) == theirs


def test_some_messages_are_unread_and_all_counts_are_true(reading: Reading) -> None:
    """Nora finds unread messages of others, nobody finds their own unread."""
    nora = listed(reading, demo.NORA)

    assert {one: found["unread"] for one, found in nora.items()} == {
        demo.NORA_AND_DMITRI: {"shared": 1, "internal": 0},
        demo.WARD_3: {"shared": 1, "internal": 0},
        demo.ADA_AND_HER_TEAM: {"shared": 1, "internal": 0},
    }
    assert listed(reading, demo.ROSA)[demo.WARD_3]["unread"] == {"shared": 0, "internal": 0}


def test_adas_conversation_has_a_note_she_does_not_see(reading: Reading) -> None:
    """Staff find internal notes in Ada's conversation; her own view has not a trace of them."""
    nora, ada = people.claims_of(demo.NORA), people.claims_of(demo.ADA)

    notes = reading.timeline(nora, demo.ADA_AND_HER_TEAM, Place(stream=Stream.INTERNAL))["items"]
    shared = reading.timeline(ada, demo.ADA_AND_HER_TEAM, Place())["items"]

    assert len(notes) == 2
    assert len(shared) >= 12
    assert "internal" not in str(listed(reading, demo.ADA))
    assert "internal" not in str(shared)


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.id[-3:])
def test_messages_stand_in_the_order_of_their_times(reading: Reading, talk: Talk) -> None:
    """Every line is there once, spread over recent days, none in the future."""
    doctor = people.claims_of(demo.HANA if talk is PIA else demo.DMITRI)
    streams = Stream if talk.patient else (Stream.SHARED,)
    pages = [reading.timeline(doctor, talk.id, Place(stream=stream))["items"] for stream in streams]
    said = [entry for page in pages for entry in page if entry["type"] == "message.posted"]
    said.sort(key=lambda entry: str(entry["at"]))

    assert [entry["message"]["body"] for entry in said] == [line.body for line in talk.lines]
    now = utc_now()
    assert timedelta(0) < now - from_wire(said[-1]["at"]) < timedelta(hours=4)
    assert timedelta(days=1) < now - from_wire(said[0]["at"]) < timedelta(days=7)


def test_seeding_again_changes_nothing(clinic: Engine) -> None:
    """A second run adds no message, and neither does one after an interrupted run."""
    with clinic.connect() as connection:
        before = connection.execute(select(func.count()).select_from(messages)).scalar()

    assert not seed(clinic, clock=utc_now)

    with clinic.connect() as connection:
        assert connection.execute(select(func.count()).select_from(messages)).scalar() == before


def test_an_interrupted_seeding_is_completed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where seeding stopped in the middle of a conversation the rest is added, nothing twice."""
    engine = database.engine(f"sqlite:///{tmp_path_factory.mktemp('half') / 'conversations.db'}")
    moments = iter([utc_now()] * 2)
    with pytest.raises(StopIteration):
        prepare(engine, with_demo=True, clock=lambda: next(moments))

    assert prepare(engine, with_demo=True, clock=utc_now)

    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(messages)).scalar()
    assert count == sum(len(talk.lines) for talk in TALKS)
    engine.dispose()
