"""Who is writing: forwarded seldom, forgotten soon, never in the way."""

import pytest

from realtime.session import Session
from realtime.typing import AGAIN_AFTER_S, SILENT_AFTER_S, WAITING_AT_MOST, WhoWrites
from tests.unit.realtime.stage import WARD, Clock, LittleConversations, Stage
from wire.problems import NotFound


@pytest.fixture
def conversations() -> LittleConversations:
    """Give who is told."""
    return LittleConversations()


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def writers(conversations: LittleConversations, clock: Clock) -> WhoWrites:
    """Give what is tried."""
    return WhoWrites(conversations, clock.ticks)


@pytest.fixture
def session() -> Session:
    """Give Nora's session."""
    return Stage().opens().session


def test_whoever_goes_on_writing_is_told_of_seldom(
    writers: WhoWrites, conversations: LittleConversations, clock: Clock, session: Session
) -> None:
    """One notice in a few seconds, however many keys."""
    for _ in range(int(AGAIN_AFTER_S * 10)):
        writers.note(session, WARD, "shared", active=True)
        clock.turns(0.1)
    writers.note(session, WARD, "shared", active=True)

    writers.tell()

    assert conversations.told == [(WARD, True), (WARD, True)]


def test_stopping_is_told_once_and_only_by_whoever_began(
    writers: WhoWrites, conversations: LittleConversations, session: Session
) -> None:
    """A stop without a start means nothing."""
    writers.note(session, WARD, "shared", active=False)
    writers.note(session, WARD, "shared", active=True)
    writers.note(session, WARD, "shared", active=False)
    writers.note(session, WARD, "shared", active=False)

    writers.tell()

    assert conversations.told == [(WARD, True), (WARD, False)]


def test_whoever_falls_silent_has_stopped(
    writers: WhoWrites, conversations: LittleConversations, clock: Clock, session: Session
) -> None:
    """Also when the socket went away in the middle of a word."""
    writers.note(session, WARD, "shared", active=True)
    clock.turns(SILENT_AFTER_S + 1)

    writers.forget_the_silent()
    writers.forget_the_silent()
    writers.tell()

    assert conversations.told == [(WARD, True), (WARD, False)]


def test_a_refused_notice_is_dropped_and_the_next_one_told(
    writers: WhoWrites, conversations: LittleConversations, session: Session
) -> None:
    """Nothing here is worth trying again."""
    conversations.refusals.append(NotFound())
    writers.note(session, WARD, "shared", active=True)
    writers.note(session, WARD, "internal", active=True)

    writers.tell()

    assert conversations.told == [(WARD, True)]


def test_when_too_much_waits_the_oldest_is_dropped(
    writers: WhoWrites, conversations: LittleConversations, session: Session
) -> None:
    """The queue is bounded."""
    for number in range(WAITING_AT_MOST + 10):
        writers.note(session, WARD, f"s{number}", active=True)

    writers.tell()

    assert len(conversations.told) == WAITING_AT_MOST
