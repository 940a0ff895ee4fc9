"""Bad input at each door: a problem that says what is wrong, and nothing half done."""

import json
from typing import Any

import httpx
import pytest

from tests.support.clinic import AUTH, CONVERSATIONS, Clinic
from tests.support.doors import said
from tests.support.person import JSON, Person, new_id

SOMEBODY = new_id()


@pytest.fixture
def nora(clinic: Clinic) -> Person:
    """Give Nora, signed in."""
    return clinic.signs_in("nora@harbor.example")


@pytest.fixture
def conversation(clinic: Clinic, nora: Person) -> str:
    """Give a conversation of Nora and Dmitri."""
    return nora.opens_conversation_with(clinic.signs_in("dmitri@harbor.example"))


BAD_MESSAGES: list[tuple[Any, str]] = [
    ({}, "body"),
    ({"body": "x"}, "client_message_id"),
    ({"client_message_id": "no-uuid", "body": "x"}, "client_message_id"),
    ({**said(), "client_message_id": 7}, "client_message_id"),
    (said(""), "body"),
    (said("   \n "), "body"),
    (said("x" * 10_001), "body"),
    (said("a\x00b"), "body"),
    ({**said(), "body": None}, "body"),
    ({**said(), "body": ["x"]}, "body"),
    ({**said(), "stream": "secret"}, "stream"),
    ({**said(), "priority": "now"}, "priority"),
    ({**said(), "reply_to": "x"}, "reply_to"),
    ({**said(), "seen_seq": -1}, "seen_seq"),
    ({**said(), "seen_seq": "three"}, "seen_seq"),
    ({**said(), "mentions": "everyone"}, "mentions"),
    ({**said(), "actor": SOMEBODY}, "actor"),
]


@pytest.mark.parametrize(("body", "field"), BAD_MESSAGES)
def test_a_bad_message_is_named_and_not_stored(nora: Person, conversation: str, body: JSON, field: str) -> None:
    """Over REST and over the socket: `invalid`, the field named, the head where it was."""
    head = nora.conversation(conversation)["heads"]

    answer = nora.raw("POST", f"/conversations/{conversation}/messages", json=body)
    with nora.device() as screen:
        reply = screen.the_line.asks("send", conversation_id=conversation, **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert field in answer.json()["errors"]
    assert reply["ok"] is False
    assert reply["problem"]["code"] == "invalid"
    assert field in reply["problem"]["errors"]
    assert nora.conversation(conversation)["heads"] == head


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"body": "' + b"x" * 2_000_000 + b'"}', b"[" * 50_000],
    ids=["empty", "half", "list", "null", "string", "no UTF-8", "two megabytes", "deep"],
)
def test_what_is_no_json_object_is_refused(nora: Person, conversation: str, content: bytes) -> None:
    """Any bytes at all get a problem, never a failure of ours."""
    answer = nora.raw(
        "POST",
        f"/conversations/{conversation}/messages",
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code in {400, 413, 422}
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] in {"invalid", "too_large"}


def test_another_content_type_is_refused(nora: Person, conversation: str) -> None:
    """A form is not JSON."""
    answer = nora.raw("POST", f"/conversations/{conversation}/messages", data={"body": "x"})

    assert answer.status_code in {415, 422}
    assert answer.json()["code"] in {"unsupported_media", "invalid"}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/conversations?limit=0", None, "limit"),
        ("GET", "/conversations?limit=201", None, "limit"),
        ("GET", "/conversations?limit=many", None, "limit"),
        ("GET", "/conversations?filter=mine", None, "filter"),
        ("GET", "/conversations?cursor=%00%ff", None, "cursor"),
        ("GET", "/conversations/{c}/timeline?after=-1", None, "after"),
        ("GET", "/conversations/{c}/timeline?before=x", None, "before"),
        ("GET", "/conversations/{c}/timeline?stream=other", None, "stream"),
        ("GET", "/directory?kind=robot", None, "kind"),
        ("POST", "/conversations", {"kind": "secret"}, "kind"),
        ("POST", "/conversations", {"kind": "direct"}, "participant_ids"),
        ("POST", "/conversations", {"kind": "direct", "participant_ids": [SOMEBODY]}, "participant_ids"),
        ("POST", "/conversations", {"kind": "group", "subject": "x" * 201, "participant_ids": []}, "subject"),
        ("POST", "/conversations", {"kind": "patient"}, "patient_id"),
        ("POST", "/conversations", {"kind": "patient", "patient_id": SOMEBODY}, "patient_id"),
        ("PATCH", "/conversations/{c}", {"status": "lost"}, "status"),
        ("PUT", "/conversations/{c}/read", {"stream": "shared"}, "seq"),
        ("PUT", "/conversations/{c}/read", {"stream": "shared", "seq": 1.5}, "seq"),
        ("POST", "/conversations/{c}/participants", {"user_id": "x"}, "user_id"),
    ],
)
def test_bad_calls_are_named(
    nora: Person, conversation: str, method: str, path: str, body: JSON | None, field: str
) -> None:
    """Each wrong field of each call is named in `errors`."""
    answer = (
        nora.raw(method, path.format(c=conversation), json=body)
        if body
        else nora.raw(method, path.format(c=conversation))
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert field in answer.json()["errors"]


@pytest.mark.parametrize(
    "odd", ["x", "%2e%2e", "%00", "00000000-0000-7000-8000-00000000000G", "'; DROP TABLE messages; --", "a" * 4_000]
)
def test_an_odd_id_in_the_path_is_not_found(nora: Person, odd: str) -> None:
    """What is no id names nothing."""
    answer = nora.raw("GET", f"/conversations/{odd}")

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_read_mark_beyond_the_head_marks_no_more_than_there_is(nora: Person, conversation: str) -> None:
    """Reading the future neither fails the service nor hides what comes later."""
    nora.raw("PUT", f"/conversations/{conversation}/read", json={"stream": "shared", "seq": 2**53 - 1})
    seen = nora.conversation(conversation)

    assert seen["read"][nora.id]["shared"] <= seen["heads"]["shared"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("no json", 4505),
        ("[1, 2]", 4505),
        ('"text"', 4505),
        (b"\x00\x01", 4505),
        ("x" * 70_000, 4505),
    ],
    ids=["no json", "list", "string", "binary", "too large"],
)
def test_a_frame_that_is_no_frame_closes_the_socket(nora: Person, frame: str | bytes, code: int) -> None:
    """What cannot be answered ends the line with a protocol error."""
    with nora.device() as screen:
        screen.the_line.sends_raw(frame)

        assert screen.the_line.waits_for_end() == code


@pytest.mark.parametrize(
    "frame",
    [
        {"op": "dance", "ref": "1"},
        {"ref": "1"},
        {"op": None, "ref": "1"},
        {"op": "send", "ref": "1"},
        {"op": "read", "ref": "1", "conversation_id": "x", "stream": "shared", "seq": 1},
        {"op": "typing", "ref": "1", "conversation_id": SOMEBODY, "stream": "shared", "active": "maybe"},
        {"op": "token", "ref": "1", "access_token": "nonsense"},
        {"op": "hello", "ref": "1", "resume": {"x": {"shared": -1}}},
        {"op": "ping", "ref": "1", "more": True},
    ],
    ids=str,
)
def test_a_frame_that_fails_its_schema_gets_a_problem_and_the_line_lives(nora: Person, frame: JSON) -> None:
    """A wrong frame is answered under its ref, and the next one is served."""
    with nora.device() as screen:
        screen.the_line.sends_raw(json.dumps(frame))

        reply = screen.the_line.waits_for(lambda each: each.get("ref") == "1" and "ok" in each and not each["ok"], "no")
        ping = screen.the_line.asks("ping")

    assert reply["problem"]["code"] in {"invalid", "unauthenticated"}
    assert ping["ok"]


def test_nothing_is_served_before_hello(nora: Person, conversation: str) -> None:
    """A send that comes before hello is not stored."""
    head = nora.conversation(conversation)["heads"]

    with nora.opens_line() as line:
        line.says("send", conversation_id=conversation, **said())
        try:
            assert not line.waits_for(lambda frame: "ok" in frame, "a reply")["ok"]
        except ConnectionError:
            assert line.close_code == 4505

    assert nora.conversation(conversation)["heads"] == head


def test_one_bad_item_harms_no_other_in_its_batch(clinic: Clinic, nora: Person, conversation: str) -> None:
    """At the batch door each item is judged alone: wrong type, no token, a stranger's, a forged one, too long."""
    service = {"Authorization": f"Bearer {_service_token(clinic)}"}
    rosa = clinic.signs_in("rosa@harbor.example")

    def item(**other: object) -> JSON:
        return {"token": nora.access_token, "conversation_id": conversation, "stream": "shared", **said(), **other}

    items = [
        item(body="good one"),
        17,
        None,
        {"body": "nothing else"},
        item(token="forged"),
        item(token=rosa.access_token),
        item(body="x" * 10_001),
        item(conversation_id=new_id()),
        item(stream="nowhere"),
        item(body="good two"),
    ]
    answer = httpx.post(
        clinic.origin_of(CONVERSATIONS) + "/sends", headers=service, json={"items": items}, trust_env=False
    )

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert len(results) == len(items)
    codes = [each["problem"]["code"] if "problem" in each else each["status"] for each in results]
    assert (codes[0], codes[-1]) == (201, 201)
    assert codes[4:6] == ["unauthenticated", "not_found"]
    assert all(isinstance(code, str) for code in codes[1:-1])
    stored = [entry["message"]["body"] for entry in nora.timeline(conversation)["items"] if "message" in entry]
    assert stored[-2:] == ["good one", "good two"]


def _service_token(clinic: Clinic) -> str:
    secret = clinic.programs["staff-gateway"].environ["GATEWAY_SECRET"]
    answer = httpx.post(
        clinic.origin_of(AUTH) + "/auth/token",
        data={"grant_type": "client_credentials"},
        auth=("staff-gateway", secret),
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["access_token"])
