"""A socket's life: hello, commands, silence, slowness, the end of its token, and its last word."""

import gevent
import orjson
import pytest

from realtime.connection import LEAVE_WITHIN_S
from realtime.outbox import FRAMES_AT_MOST
from realtime.session import Credentials
from servicekit.background import Stop
from tests.unit.realtime.stage import (
    NORA,
    OTHER,
    WARD,
    Stage,
    claims,
    entry,
    message,
    pushed,
    says,
    settles,
)
from wire.claims import Plane
from wire.problems import PermissionRequired, Problem, Unauthenticated, Unavailable


@pytest.fixture
def stage() -> Stage:
    """Give a stage on which the ward has two entries."""
    made = Stage()
    made.conversations.holds(entry(1), entry(2))
    return made


def sends_run(stage: Stage) -> gevent.Greenlet:
    """Start the send queue."""
    return gevent.spawn(stage.sends.run, Stop())


def test_hello_tells_who_one_is_and_then_where_everything_stands(stage: Stage) -> None:
    """The reply first, then `caught_up` with the heads."""
    stage.greeted()

    assert stage.wire.frames[0] == {
        "ref": "h",
        "ok": True,
        "me": {"user": {"id": NORA}, "unread_total": 3},
        "heartbeat_s": 25,
        "server_time": "2026-11-22T12:00:00.000Z",
    }
    assert stage.wire.frames[1] == {"push": "caught_up", "heads": {WARD: {"shared": 2}}}


@pytest.mark.parametrize("op", ["send", "read", "typing", "token", "ping"])
def test_nothing_is_done_before_hello(stage: Stage, op: str) -> None:
    """It must come first; the socket stays open for it."""
    connection = stage.opens()
    fields = {
        "send": message(),
        "read": {"conversation_id": WARD, "stream": "shared", "seq": 1},
        "typing": {"conversation_id": WARD, "stream": "shared", "active": True},
        "token": {"access_token": "x"},
        "ping": {},
    }[op]

    says(connection, op, **fields)
    settles()

    assert stage.wire.reply(1)["problem"]["code"] == "invalid"
    assert not connection.leaving


def test_hello_is_said_once(stage: Stage) -> None:
    """A second one is refused and changes nothing."""
    connection = stage.greeted()

    says(connection, "hello", ref=2)
    settles()

    assert stage.wire.reply(2)["problem"]["code"] == "conflict"
    assert len(stage.wire.pushes("caught_up")) == 1


def test_a_hello_nobody_could_answer_may_be_said_again(stage: Stage) -> None:
    """While conversations is away."""
    stage.conversations.refusals.append(Unavailable())
    connection = stage.greeted()

    says(connection, "hello", ref=2)
    settles()

    assert stage.wire.reply("h")["problem"]["code"] == "unavailable"
    assert stage.wire.reply(2)["ok"]
    assert stage.wire.pushes("caught_up")


def test_a_send_is_answered_after_its_commit(stage: Stage) -> None:
    """And never before."""
    running = sends_run(stage)
    connection = stage.greeted()
    before: list[bool] = []
    stage.conversations.while_sending = lambda: before.append(any(frame.get("ref") == 1 for frame in stage.wire.frames))

    says(connection, "send", **message())
    settles()
    running.kill()

    assert before == [False]
    assert stage.wire.reply(1) == {
        "ref": 1,
        "ok": True,
        "message_id": "m1",
        "conversation_id": WARD,
        "stream": "shared",
        "seq": 1,
        "at": "2026-11-22T12:00:00.000Z",
    }


def test_every_frame_gets_exactly_one_reply(stage: Stage) -> None:
    """Good and bad, whatever becomes of them."""
    running = sends_run(stage)
    connection = stage.greeted()
    says(connection, "send", ref="a", **message(1))
    says(connection, "send", ref="b", **message(2, body="refused"))
    says(connection, "send", ref="c", **message(3, body=""))
    says(connection, "ping", ref="d")
    says(connection, "nonsense", ref="e")
    says(connection, "read", ref="f", conversation_id=WARD, stream="shared", seq=1)
    says(connection, "read", ref="g", conversation_id=OTHER, stream="shared", seq=1)
    says(connection, "typing", ref="i", conversation_id=WARD, stream="shared", active=True)
    settles()
    running.kill()

    replies = {frame["ref"]: frame["ok"] for frame in stage.wire.frames if "push" not in frame}

    assert replies == {
        "h": True,
        "a": True,
        "b": False,
        "c": False,
        "d": True,
        "e": False,
        "f": True,
        "g": False,
        "i": True,
    }
    assert len([frame for frame in stage.wire.frames if "push" not in frame]) == 9


def test_a_stale_send_shows_what_was_not_seen_as_this_plane_sees_it() -> None:
    """Through the presenter, like everything else."""
    stage = Stage(plane=Plane.PORTAL)
    running = sends_run(stage)
    connection = stage.greeted()

    says(connection, "send", **message(body="stale"))
    settles()
    running.kill()

    assert stage.wire.reply(1)["problem"]["code"] == "stale"
    assert [unseen["stream"] for unseen in stage.wire.reply(1)["problem"]["entries"]] == ["shared"]


def test_reading_is_noted_where_one_takes_part_and_asked_about_where_not(stage: Stage) -> None:
    """A conversation the socket does not know may be new, or none of theirs."""
    connection = stage.greeted()

    says(connection, "read", ref=1, conversation_id=WARD, stream="shared", seq=2)
    says(connection, "read", ref=2, conversation_id=OTHER, stream="shared", seq=2)
    settles()
    stage.marks.flush()

    assert stage.wire.reply(1) == {"ref": 1, "ok": True}
    assert stage.wire.reply(2)["problem"]["code"] == "not_found"
    assert [(mark["conversation_id"], mark["seq"]) for mark in stage.conversations.marked] == [(OTHER, 2), (WARD, 2)]


def test_the_portal_knows_no_internal_stream() -> None:
    """Neither to write to nor to read, nor to resume."""
    stage = Stage(plane=Plane.PORTAL)
    stage.conversations.holds(entry(1))
    connection = stage.greeted(resume={WARD: {"shared": 1, "internal": 4}})

    says(connection, "send", ref=1, **message(stream="internal"))
    says(connection, "read", ref=2, conversation_id=WARD, stream="internal", seq=1)
    says(connection, "typing", ref=3, conversation_id=WARD, stream="internal", active=True)
    settles()

    assert [stage.wire.reply(ref)["problem"]["code"] for ref in (1, 2, 3)] == ["invalid"] * 3
    assert stage.conversations.asked == [({WARD: {"shared": 1}}, "head")]
    assert "internal" not in orjson.dumps(stage.wire.pushes("caught_up")).decode()


@pytest.mark.parametrize("frame", ["nonsense", "[]", b"{}", "x" * 70_000])
def test_what_is_no_frame_ends_the_socket_for_good(stage: Stage, frame: str | bytes) -> None:
    """4505, with `bye` before it, and nothing is done afterwards."""
    connection = stage.greeted()

    connection.receive(frame)
    says(connection, "ping", ref=2)
    settles()

    assert stage.wire.frames[-1]["push"] == "bye"
    assert stage.wire.frames[-1]["code"] == stage.wire.close_code == 4505


def test_whoever_does_not_say_hello_is_let_go(stage: Stage) -> None:
    """After ten seconds, to come back: a weak line may have eaten it."""
    connection = stage.opens()
    stage.clock.turns(9)
    connection.look()
    waits = not connection.leaving
    stage.clock.turns(2)

    connection.look()
    settles()

    assert waits
    assert stage.wire.close_code == 4008
    assert stage.wire.pushes("bye")[0]["retry_after_ms"] > 0


def test_beats_come_every_25_seconds_and_silence_ends_after_60(stage: Stage) -> None:
    """Any byte from the other side counts as life."""
    connection = stage.greeted()
    for _ in range(120):
        stage.clock.turns(1)
        connection.alive()
        connection.look()
    settles()
    beats = len(stage.wire.pushes("beat"))
    alive = not connection.leaving
    stage.clock.turns(61)
    connection.look()
    settles()

    assert beats == 4
    assert alive
    assert stage.wire.close_code == 4008


def test_a_client_that_does_not_read_is_cut_off_and_told_to_come_back(stage: Stage) -> None:
    """Its queue is bounded; nobody else is harmed."""
    connection = stage.greeted()
    stage.wire.reads.clear()
    for number in range(3, FRAMES_AT_MOST + 10):
        connection.offer(pushed(entry(number)))
        settles() if number == 3 else None
    full = connection.leaving
    stage.wire.reads.set()
    settles()

    assert full
    assert stage.wire.frames[-1]["push"] == "bye"
    assert stage.wire.close_code == 4008
    assert len(stage.wire.pushes("entry")) < FRAMES_AT_MOST


def test_a_bearers_socket_ends_with_its_token(stage: Stage) -> None:
    """4001: come back with another one."""
    connection = stage.greeted()
    for _ in range(11):
        stage.clock.turns(55)
        connection.alive()
        connection.look()
    settles()

    assert stage.wire.close_code == 4001


def test_a_bearers_socket_lives_on_with_a_fresh_token(stage: Stage) -> None:
    """`token` renews it, and says until when."""
    connection = stage.greeted()
    stage.known["second"] = claims(issued_s=550)
    stage.clock.turns(550)
    connection.alive()
    says(connection, "token", access_token="second")
    stage.clock.turns(55)
    connection.alive()
    connection.look()
    settles()

    assert stage.wire.reply(1) == {"ref": 1, "ok": True, "expires_at": "2026-11-22T12:19:10.000Z"}
    assert not connection.leaving


def test_a_browsers_socket_renews_by_itself(stage: Stage) -> None:
    """Well before the end, without a word to the client."""
    connection = stage.opens(renew=lambda: Credentials(claims=claims(issued_s=541), access_token="second"))
    says(connection, "hello")
    stage.clock.turns(541)
    connection.alive()

    connection.look()
    settles()

    assert connection.session.access_token == "second"
    assert not connection.leaving


@pytest.mark.parametrize(
    ("refusal", "code"), [(Unauthenticated(), 4501), (PermissionRequired(), 4503), (Unavailable(), None)]
)
def test_a_renewal_that_is_refused_ends_the_socket_and_one_that_fails_does_not(
    stage: Stage, refusal: Problem, code: int | None
) -> None:
    """Signed out, permission lost, or just nobody to ask."""

    def renew() -> Credentials:
        raise refusal

    connection = stage.opens(renew=renew)
    says(connection, "hello")
    stage.clock.turns(545)
    connection.alive()

    connection.look()
    settles()

    assert stage.wire.close_code == code


def test_a_token_taken_away_is_replaced_or_ends_the_socket(stage: Stage) -> None:
    """A browser's session gets another one; a program must."""
    program = stage.greeted()
    browser = stage.opens(renew=lambda: Credentials(claims=claims(issued_s=5), access_token="second"))

    program.token_taken()
    browser.token_taken()
    settles()

    assert stage.wire.close_code == 4001
    assert browser.session.access_token == "second"
    assert not browser.leaving


def test_the_last_word_is_said_once_and_the_line_ends_if_nobody_answers(stage: Stage) -> None:
    """Whoever does not close in turn is hung up on."""
    connection = stage.greeted()
    connection.leave(4501, "signed out")  # type: ignore[arg-type] # a CloseCode is an int
    connection.leave(4000, "again")  # type: ignore[arg-type]
    connection.offer(pushed(entry(3)))
    settles()
    waits = not stage.wire.hung_up
    stage.clock.turns(LEAVE_WITHIN_S + 1)

    connection.look()

    assert waits
    assert stage.wire.hung_up
    assert [bye["code"] for bye in stage.wire.pushes("bye")] == [4501]
    assert stage.wire.frames[-1]["push"] == "bye"


def test_a_browsers_send_is_repeated_once_when_its_token_was_just_taken_back(stage: Stage) -> None:
    """The person notices nothing; a program is told, for it alone can get another token."""
    running = sends_run(stage)
    stage.conversations.stale_tokens = {"first"}
    browser = stage.opens(renew=lambda: Credentials(claims=claims(issued_s=1), access_token="second"))
    says(browser, "hello", ref="h")
    settles()
    says(browser, "send", ref=1, **message(1))
    settles()
    program = stage.opens()
    says(program, "hello", ref="p")
    settles()
    says(program, "send", ref=2, **message(2))
    settles()
    running.kill()

    assert stage.wire.reply(1)["ok"]
    assert stage.wire.reply(2)["problem"]["code"] == "unauthenticated"
