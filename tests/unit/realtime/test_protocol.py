"""The socket's language: every frame is one command, one refusal, or the end."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime import protocol
from realtime.protocol import Hello, Ping, ProtocolViolation, Read, Refusal, Send, Token, Typing, read_frame
from wire import samples
from wire.problems import Invalid, RateLimited

FRAMES = samples.load("frames")
KINDS = {"hello": Hello, "send": Send, "read": Read, "typing": Typing, "token": Token, "ping": Ping}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


def payload(frame: bytes) -> dict[str, Any]:
    """Take a short text frame apart by hand: two or four bytes of head, then JSON."""
    skip = 4 if frame[1] == 126 else 2
    members: dict[str, Any] = orjson.loads(frame[skip:])
    return members


@pytest.mark.parametrize("op", KINDS)
def test_every_golden_client_frame_becomes_its_command(op: str) -> None:
    """The sample of each op is understood and keeps its ref."""
    sample = FRAMES[f"client.{op}"]

    command = read_frame(orjson.dumps(sample).decode())

    assert isinstance(command, KINDS[op])
    assert command.ref == sample["ref"]


@pytest.mark.parametrize("frame", ["", "{", "[]", "null", "1", '"hello"', "\u0000", "{'op': 'ping'}", "NaN"])
def test_what_is_no_json_object_ends_the_socket(frame: str) -> None:
    """A frame that is not a JSON object cannot be answered, for it has no ref."""
    with pytest.raises(ProtocolViolation):
        read_frame(frame)


def test_a_binary_frame_ends_the_socket() -> None:
    """Even when its bytes would be a fine frame."""
    with pytest.raises(ProtocolViolation):
        read_frame(b'{"op": "ping", "ref": 1}')


def test_a_frame_over_64_kib_ends_the_socket() -> None:
    """Counted in bytes, not in characters."""
    frame = orjson.dumps({"op": "ping", "ref": 1, "more": "ä" * 33_000}).decode()

    assert len(frame) < 65_536
    with pytest.raises(ProtocolViolation):
        read_frame(frame)


@pytest.mark.parametrize("op", ["nothing", "", None, 7, ["send"], {"send": 1}, "HELLO"])
def test_an_unknown_op_is_refused_under_its_ref(op: object) -> None:
    """The reply says which ops there are."""
    answer = read_frame(orjson.dumps({"op": op, "ref": "r"}).decode())

    assert isinstance(answer, Refusal)
    assert answer.ref == "r"
    assert isinstance(answer.problem, Invalid)
    assert list(answer.problem.errors) == ["op"]


@pytest.mark.parametrize("ref", [None, True, 1.5, [], {}, "x" * 65])
def test_a_ref_that_is_none_is_refused_and_not_repeated(ref: object) -> None:
    """A frame whose ref is no string or number is answered without it."""
    answer = read_frame(orjson.dumps({"op": "ping", "ref": ref}).decode())

    assert isinstance(answer, Refusal)
    assert answer.ref is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"conversation_id": "7"}, "conversation_id"),
        ({"seq": -1}, "seq"),
        ({"seq": "1"}, "seq"),
        ({"seq": 1.0}, "seq"),
        ({"seq": 2**60}, "seq"),
        ({"seq": None}, "seq"),
        ({"stream": "secret"}, "stream"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    """The refusal of a bad `read` names the field."""
    frame = FRAMES["client.read"] | change

    answer = read_frame(orjson.dumps(frame).decode())

    assert isinstance(answer, Refusal)
    assert isinstance(answer.problem, Invalid)
    assert list(answer.problem.errors) == [field]


@given(JSON)
def test_whatever_comes_is_a_command_a_refusal_or_a_violation(thing: Any) -> None:  # noqa: ANN401 - any JSON
    """Nothing else is ever raised, and what is refused keeps silent about content."""
    try:
        frame = orjson.dumps(thing).decode()
    except TypeError:
        return  # an integer beyond 64 bits

    try:
        answer = read_frame(frame)
    except ProtocolViolation:
        assert not isinstance(thing, dict)
    else:
        assert isinstance(answer, Refusal)


@given(st.dictionaries(st.sampled_from(["op", "ref", "resume", "body", "seq", "stream", "active"]), JSON))
def test_odd_fields_under_known_names_are_refused_not_fatal(members: dict[str, Any]) -> None:
    """Every op survives any value in any of its fields."""
    for op in KINDS:
        try:
            frame = orjson.dumps(members | {"op": op}).decode()
        except TypeError:
            continue

        answer = read_frame(frame)

        assert isinstance(answer, (Refusal, *KINDS.values()))


def test_a_send_takes_along_what_was_said_and_nothing_that_was_left_out() -> None:
    """Defaults need no room on the way; what every message has is always there."""
    command = read_frame(orjson.dumps(FRAMES["client.send"]).decode())

    assert isinstance(command, Send)
    assert set(command.message) == {"conversation_id", "client_message_id", "body", "stream"}


def test_what_a_client_wrote_shows_in_no_repr() -> None:
    """Neither a body nor a token."""
    sent = read_frame(orjson.dumps(FRAMES["client.send"]).decode())
    token = read_frame(orjson.dumps(FRAMES["client.token"]).decode())

    shown = repr(sent) + repr(token)

    assert FRAMES["client.send"]["body"] not in shown
    assert FRAMES["client.token"]["access_token"] not in shown


def test_replies_and_pushes_are_the_golden_ones() -> None:
    """Refused, accepted and pushed, as the samples show them."""
    refused = protocol.refused("2", RateLimited(retry_after=7))
    accepted = protocol.accepted(6, {"server_time": "2026-11-22T08:00:00.000Z"})
    removed = protocol.push("removed", {"conversation_id": "c"})

    assert payload(refused) == {"ref": "2", "ok": False, "problem": RateLimited(retry_after=7).as_dict()}
    assert payload(accepted) == FRAMES["reply.ping"]
    assert payload(removed) == {"push": "removed", "conversation_id": "c"}


def test_having_seen_nothing_is_said_and_not_left_out() -> None:
    """`seen_seq: 0` is not the same as no `seen_seq`."""
    command = read_frame(orjson.dumps(FRAMES["client.send"] | {"seen_seq": 0}).decode())

    assert isinstance(command, Send)
    assert command.message["seen_seq"] == 0


PLAIN = FRAMES["client.send"]


@example({"body": "  two\r\nlines  "})
@example({"body": "e\u0301"})
@example({"body": "\u0000"})
@example({"stream": "internal"})
@given(
    st.dictionaries(
        st.sampled_from([*PLAIN, "priority"]),
        st.sampled_from([*PLAIN.values(), "internal", "normal", " x ", "", "\u0000", 7, None, ["shared"]]) | JSON,
    )
)
def test_the_short_way_for_everyday_messages_reads_as_the_schema_does(change: dict[str, Any]) -> None:
    """Whatever is in a `send`: the same message, or the same refusal, as with a field that forces the long way."""
    try:
        short = read_frame(orjson.dumps(PLAIN | change).decode())
        long = read_frame(orjson.dumps({"priority": "normal"} | PLAIN | change).decode())
    except TypeError:
        return  # an integer beyond 64 bits

    if isinstance(short, Refusal) and isinstance(long, Refusal):
        assert short.problem.as_dict() == long.problem.as_dict()
        assert short.ref == long.ref
    else:
        assert short == long
