"""Bad input at each door: a problem that says what is wrong, and nothing half done."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.clinic import CONVERSATIONS, Clinic
from tests.support.doors import DOORS, said, service_token
from tests.support.person import JSON, Person, new_id

SOMEBODY = new_id()


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
        ("GET", "/search?limit=0", None, "limit"),
        ("GET", "/search?q=" + "x" * 1_000, None, "q"),
        ("GET", "/search?q=", None, "q"),
        ("GET", "/search?q=a&from=nora", None, "from"),
        ("GET", "/search?q=a&conversation_id=x", None, "conversation_id"),
        ("GET", "/search?q=a&since=2026-13-01", None, "since"),
        ("GET", "/search?q=a&until=yesterday", None, "until"),
        ("GET", "/search?q=a&has=virus", None, "has"),
        ("GET", "/search?q=a&mentions=her", None, "mentions"),
        ("GET", "/search?q=a&cursor=%00%ff", None, "cursor"),
        ("GET", "/conversations/{c}/files?limit=0", None, "limit"),
        ("PUT", "/conversations/{c}/preferences", {"notify": "loudly"}, "notify"),
        ("PUT", "/conversations/{c}/preferences", {"pinned": "very"}, "pinned"),
        ("PUT", "/conversations/{c}/unread", {"stream": "shared", "seq": -1}, "seq"),
        ("PUT", "/conversations/{c}/draft", {"stream": "shared", "body": 7}, "body"),
        ("PUT", "/conversations/{c}/draft", {"stream": "secret", "body": "x"}, "stream"),
        ("PUT", "/push/subscription", {"endpoint": "file:///etc/passwd"}, "endpoint"),
        ("POST", "/messages/{m}/forward", {"client_message_id": SOMEBODY}, "conversation_id"),
        ("POST", "/messages/{m}/forward", {"conversation_id": SOMEBODY, "client_message_id": "x"}, "client_message_id"),
        ("PATCH", "/messages/{m}", {"body": ""}, "body"),
        ("PATCH", "/messages/{m}", {"text": "x"}, "body"),
    ],
)
def test_bad_calls_are_named(
    nora: Person, conversation: str, method: str, path: str, body: JSON | None, field: str
) -> None:
    """Each wrong field of each call is named in `errors`."""
    message = nora.sends(conversation, "Look")["message"]["id"] if "{m}" in path else ""
    place = path.format(c=conversation, m=message)
    answer = nora.raw(method, place, json=body) if body else nora.raw(method, place)

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
    service = {"Authorization": f"Bearer {service_token(clinic)}"}
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


PLANES = {"staff": "nora@harbor.example", "portal": "ada@patients.example"}
SEQS: list[Any] = [-1, 1.5, "1", True, None, 2**53, 2**63, 10**30, [], {}]
IDS: list[Any] = [None, 7, "", "x", "a\x00b", SOMEBODY.upper(), [SOMEBODY], {"id": SOMEBODY}, "a" * 10_000]
SWITCHES: list[Any] = ["yes", "true", "on", "maybe", 1, 0, None, [], {}]
STREAMS: list[Any] = ["secret", "", "SHARED", "shared\x00", None, 7, [], ["shared"], {}]
DRAFTS: list[Any] = [None, 7, True, [], {}, "a\x00b", "a\x07b", "x" * 10_001]
NOTIFIES: list[Any] = ["", "some", "ALL", None, 7, True, ["all"], {}]
ADDRESSES: list[Any] = [None, 7, "", [], {}, "https://push.harbor.example/" + "x" * 2_048]
NOWHERE = [
    "x",
    "http://push.harbor.example/x",
    "https://push.harbor.example.evil.example/x",
    "https://push.harbor.example@evil.example/x",
    "https://push.harbor.example:8443/x",
    "https://push.harbor.example/a\x00b",
    "https://push.harbor.example/\r\nHost: evil.example",
    "https://127.0.0.1/x",
    "file:///etc/passwd",
]
WISH = {"conversation_id": SOMEBODY, "client_message_id": SOMEBODY, "stream": "shared", "confirmed": True}
MARK = {"stream": "shared", "seq": 1}
SUBSCRIPTION = {"endpoint": "https://push.harbor.example/x"}
MINE = "/conversations/{c}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A newer call with a good body, and what is wrong in each field of it."""

    method: str
    path: str
    body: JSON
    wrong: Mapping[str, Sequence[object]]
    needed: frozenset[str] = frozenset()
    staff_only: bool = False


CALLS = {
    "unread": Call(
        method="PUT", path=f"{MINE}/unread", body=MARK, wrong={"stream": STREAMS, "seq": SEQS}, needed=frozenset(MARK)
    ),
    "read": Call(
        method="PUT", path=f"{MINE}/read", body=MARK, wrong={"stream": STREAMS, "seq": SEQS}, needed=frozenset(MARK)
    ),
    "preferences": Call(
        method="PUT",
        path=f"{MINE}/preferences",
        body={"pinned": True, "notify": "all", "archived": True},
        wrong={"pinned": SWITCHES, "notify": NOTIFIES, "archived": SWITCHES},
    ),
    "draft": Call(
        method="PUT",
        path=f"{MINE}/draft",
        body={"stream": "shared", "body": "I was"},
        wrong={"stream": STREAMS, "body": DRAFTS},
        needed=frozenset({"body"}),
    ),
    "forward": Call(
        method="POST",
        path="/messages/{m}/forward",
        body=WISH,
        wrong={"conversation_id": IDS, "client_message_id": IDS, "stream": STREAMS, "confirmed": SWITCHES},
        needed=frozenset({"conversation_id", "client_message_id"}),
        staff_only=True,
    ),
    "subscribe": Call(
        method="PUT",
        path="/push/subscription",
        body=SUBSCRIPTION,
        wrong={"endpoint": [*ADDRESSES, *NOWHERE]},
        needed=frozenset(SUBSCRIPTION),
    ),
    "unsubscribe": Call(
        method="DELETE",
        path="/push/subscription",
        body=SUBSCRIPTION,
        wrong={"endpoint": ADDRESSES},
        needed=frozenset(SUBSCRIPTION),
    ),
    "post": Call(
        method="POST",
        path=f"{MINE}/messages",
        body={"client_message_id": SOMEBODY, "body": "x"},
        wrong={
            "client_message_id": IDS,
            "stream": STREAMS,
            "reply_to": IDS[1:],
            "mentions": [None, "x", 7, {}, ["x"], [None], [[]], [SOMEBODY] * 101],
            "attachment_ids": [None, "x", 7, {}, ["x"], [None], [[]], [SOMEBODY], [SOMEBODY] * 11],
            "priority": ["", "now", None, 7, [], "URGENT"],
            "ask_acknowledgement": SWITCHES,
            "seen_seq": [each for each in SEQS if each is not None],
        },
        needed=frozenset({"client_message_id", "body"}),
    ),
}
DOORS_BY_PLANE = [
    (plane, name) for plane in PLANES for name, call in CALLS.items() if plane == "staff" or not call.staff_only
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Somebody with a conversation and a message of their own."""

    who: Person
    conversation: str
    message: str

    def tries(self, call: Call, body: object) -> httpx.Response:
        """Make a call with any body."""
        path = call.path.format(c=self.conversation, m=self.message)
        # The standard library writes what ours would not: lone surrogates, numbers of any size.
        content = json.dumps(body).encode()
        return self.who.raw(call.method, path, content=content, headers={"Content-Type": "application/json"})

    def stands(self, clinic: Clinic) -> list[object]:
        """Return everything these calls could change."""
        drafts, preferred = (self.who.call("GET", path) for path in ("/drafts", "/preferences"))
        tables = ("entries", "messages", "push_subscriptions", "mark_moves", "acknowledgements", "attachments")
        counts = [clinic.database.ask(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608 - our own names
        return [drafts, preferred, self.who.conversation(self.conversation), counts]


@pytest.fixture
def ground(clinic: Clinic, plane: str) -> Ground:
    """Give Nora or Ada, each with a conversation of Ada's."""
    ada = clinic.signs_in(PLANES["portal"])
    conversation = ada.writes_to_care_team(f"Odd {new_id()}", "Hello")
    who = clinic.signs_in(PLANES[plane])
    return Ground(who=who, conversation=conversation, message=who.sends(conversation, "Mine")["message"]["id"])


def is_invalid(answer: httpx.Response, field: str | None, about: object) -> bool:
    """Tell whether an answer says `invalid`, names the field, and repeats nothing."""
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), (about, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json")
    if field is not None:
        assert list(answer.json()["errors"]) == [field], (about, answer.text)
    return True


@pytest.mark.parametrize(("plane", "name"), DOORS_BY_PLANE)
def test_every_wrong_field_of_a_newer_call_is_named_and_nothing_is_done(
    clinic: Clinic, ground: Ground, plane: str, name: str
) -> None:
    """Wrong types, missing and unknown fields, too long, NUL, negative and huge numbers; lone surrogates too."""
    call = CALLS[name]
    before = ground.stands(clinic)

    for field, values in call.wrong.items():
        more = ["internal"] if field == "stream" and plane == "portal" else []
        for value in (*values, *more):
            assert is_invalid(ground.tries(call, {**call.body, field: value}), field, (field, value))
        assert is_invalid(ground.tries(call, {**call.body, field: "\ud800"}), None, (field, "a lone surrogate"))
    for field in call.needed:
        rest = {each: value for each, value in call.body.items() if each != field}
        assert is_invalid(ground.tries(call, rest), field, f"without {field}")
    assert is_invalid(ground.tries(call, {**call.body, "surprise": 1}), "surprise", "an unknown field")

    assert ground.stands(clinic) == before


@pytest.mark.parametrize(("plane", "name"), DOORS_BY_PLANE)
def test_what_is_no_json_object_does_nothing_at_a_newer_call(
    clinic: Clinic, ground: Ground, plane: str, name: str
) -> None:
    """Half of one, another kind of value, too deep, too large, of another content type."""
    del plane
    call = CALLS[name]
    path = call.path.format(c=ground.conversation, m=ground.message)
    whole = json.dumps(call.body).encode()
    before = ground.stands(clinic)
    odd = [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"7",
        b"NaN",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ]

    for content in odd:
        answer = ground.who.raw(call.method, path, content=content, headers={"Content-Type": "application/json"})
        assert is_invalid(answer, None, content[:10])
    large = ground.who.raw(
        call.method, path, content=b'{"a": "' + b"x" * 300_000 + b'"}', headers={"Content-Type": "application/json"}
    )
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""):
        answer = ground.who.raw(call.method, path, content=whole, headers={"Content-Type": kind})
        assert (kind, answer.status_code, answer.json()["code"]) == (kind, 415, "unsupported_media")

    assert ground.stands(clinic) == before


@pytest.mark.parametrize("plane", PLANES)
def test_another_method_is_refused_at_every_address(clinic: Clinic, ground: Ground, plane: str) -> None:
    """405 with the methods there are, and nothing done."""
    ours: dict[str, set[str]] = {}
    for door in DOORS:
        if plane == "staff" or door.portal:
            path = door.path.partition("?")[0].format(conversation=ground.conversation, message=ground.message)
            ours.setdefault(path, set()).add(door.method)
    before = ground.stands(clinic)

    for path, methods in ours.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = ground.who.raw(method, path, json={})
            assert (method, path, answer.status_code) == (method, path, 405)
            assert answer.json()["code"] == "method_not_allowed"
            assert methods <= set(answer.headers["allow"].split(", "))

    assert ground.stands(clinic) == before


def _cursor(told: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


BAD_CURSORS = [
    "nonsense",
    "é",
    "%00",
    "x" * 201,
    _cursor(None),
    _cursor({}),
    _cursor([1, 2]),
    _cursor([["2026-01-01T00:00:00Z"], SOMEBODY]),
    _cursor(["2026-01-01T00:00:00", SOMEBODY]),
    _cursor(["2026-01-01T00:00:00Z", "x"]),
    _cursor(["0001-01-01T00:00:00+23:59", SOMEBODY]),
    _cursor(["9999-12-31T23:59:59-23:59", SOMEBODY]),
]
BAD_PLACES = [
    *("nonsense", "%00", "x" * 201, _cursor(None), _cursor([]), _cursor({"shared": 5}), _cursor({"shared": [1, 2, 3]})),
    *(_cursor({"shared": [-1, 0]}), _cursor({"shared": [1, 2**52]}), _cursor({"shared": [10**30, 1]})),
    *(_cursor({"shared": [1, 1.5]}), _cursor({"shared": ["1", 1]}), _cursor({"secret": [1, 1]})),
]
BAD_QUERIES: list[tuple[str, str, list[str]]] = [
    ("/search?{}", "q", ["", "%00", "a%00b", "x" * 501, "+".join(f"w{number}" for number in range(34))]),
    ("/search?q=a&{}", "conversation_id", ["", "x", "%00", SOMEBODY.upper()]),
    ("/search?q=a&{}", "from", ["", "x", "%00", "me"]),
    ("/search?q=a&{}", "since", ["", "x", "%00", "2026-13-01", "2026-02-30", "0000-01-01", "10000-01-01", "-1-01-01"]),
    (
        "/search?q=a&{}",
        "until",
        ["", "x", "%00", "2026-11-22T08:00:00", "2026-W47-7", "9999-12-31T23:59:59-23:59", "1e9", "9" * 5_000],
    ),
    ("/search?q=a&{}", "has", ["", "files", "%00", "true"]),
    ("/search?q=a&{}", "mentions", ["", "you", "%00", SOMEBODY]),
    ("/search?q=a&{}", "limit", ["", "0", "-1", "201", "x", "1.5", "1e1", "9" * 30, "9" * 5_000, "%00"]),
    ("/search?q=a&{}", "cursor", BAD_CURSORS),
    ("/search?q=a&{}", "stream", ["internal"]),
    ("/conversations?{}", "q", ["%00", "a%00b", "x" * 201]),
    ("/conversations?filter=archived&{}", "q", ["%00"]),
    ("/conversations?{}", "cursor", BAD_CURSORS),
    ("/conversations?{}", "filter", ["", "mine", "%00"]),
    ("/directory?{}", "q", ["%00", "a%00b", "x" * 201]),
    ("/directory?{}", "kind", ["", "robot", "%00"]),
    ("/conversations/{c}/files?{}", "cursor", BAD_PLACES),
    ("/conversations/{c}/files?{}", "limit", ["0", "-1", "201", "x", "9" * 30]),
    ("/attachments/{s}?{}", "size", ["", "large", "%00", "thumbnail%00"]),
]


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(
    ("path", "field", "values"), BAD_QUERIES, ids=[f"{path} {name}" for path, name, _ in BAD_QUERIES]
)
def test_every_wrong_query_is_named(ground: Ground, plane: str, path: str, field: str, values: list[str]) -> None:
    """Whatever stands in an address after the question mark: `invalid`, the field named, never a failure of ours."""
    if plane == "portal" and path.startswith("/directory"):
        assert ground.who.raw("GET", "/directory?q=a").status_code == 404
        return
    for value in values:
        address = path.replace("{c}", ground.conversation).replace("{s}", SOMEBODY).replace("{}", f"{field}={value}")
        assert is_invalid(ground.who.raw("GET", address), field, (path, value[:40]))


WORDS = [
    "'",
    "''",
    '"',
    '"a b',
    "\\",
    "%25",
    "_",
    "*",
    "a&b|!c:*",
    "(((",
    "<->",
    "' OR 1=1 --",
    "%F0%9F%AB%80",
    "%ff",
    "%ed%a0%80",
]


LETTERS = {"staff": "Dmitr", "portal": "Nor"}
"""The beginning of a name, so that a wildcard behind it would match the rest."""


@pytest.mark.parametrize("plane", PLANES)
def test_whatever_somebody_looks_for_is_words_and_no_language(ground: Ground, plane: str) -> None:
    """Quotes, operators, wildcards and broken UTF-8 find nothing, in search, list and directory alike."""
    for wild in ("_", "%25", "*"):
        assert ground.who.raw("GET", f"/conversations?q={LETTERS[plane]}").json()["items"]
        assert ground.who.raw("GET", f"/conversations?q={LETTERS[plane]}{wild}").json()["items"] == []
        if plane == "staff":
            assert ground.who.raw("GET", f"/directory?q={LETTERS[plane]}{wild}").json()["items"] == []
    for word in (each.replace("&", "%26") for each in WORDS):
        odd = f"{new_id()}{word}"
        assert ground.who.raw("GET", f"/search?q={odd}").json()["items"] == []
        assert ground.who.raw("GET", f"/conversations?q={odd}").json()["items"] == []
        if plane == "staff":
            assert ground.who.raw("GET", f"/directory?q={odd}").json()["items"] == []
        assert ground.who.raw("GET", f"/search?q={word}").status_code == 200


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(
    "odd", ["x", "%00", "%2e%2e", SOMEBODY.replace("-", ""), f"{{{SOMEBODY}}}", "a" * 4_000, SOMEBODY]
)
def test_an_odd_id_at_a_newer_call_is_not_found(ground: Ground, plane: str, odd: str) -> None:
    """What is no id, and the id of nothing, names nothing: at each address of messages, files and conversations."""
    for door in DOORS:
        if plane == "portal" and not door.portal:
            continue
        path = re.sub(r"{[^}]*}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", odd, door.path.partition("?")[0])
        if odd not in path or "/participants/" in path:
            continue
        answer = ground.who.raw(door.method, path, json=door.body) if door.body else ground.who.raw(door.method, path)
        assert (str(door), answer.status_code, answer.json()["code"]) == (str(door), 404, "not_found")


FRAMES: dict[str, tuple[JSON, Mapping[str, Sequence[object]]]] = {
    "typing": (
        {"stream": "shared", "active": True},
        {"conversation_id": IDS, "stream": STREAMS, "active": SWITCHES},
    ),
    "watch": ({"away": True}, {"conversation_id": IDS[1:], "away": SWITCHES}),
    "read": (MARK, {"conversation_id": IDS, "stream": STREAMS, "seq": SEQS}),
    "token": ({"access_token": "x"}, {"access_token": [None, 7, "", [], {}, "x" * 8_193]}),
    "send": (
        {"client_message_id": SOMEBODY, "body": "x"},
        {"conversation_id": IDS, **CALLS["post"].wrong},
    ),
}


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("op", FRAMES)
def test_every_wrong_field_of_a_frame_is_named_and_the_line_lives(
    clinic: Clinic, ground: Ground, plane: str, op: str
) -> None:
    """One reply each, under its ref, whatever a field holds; on the portal nobody watches, whatever is asked."""
    body, wrong = FRAMES[op]
    whole = body if op == "token" else {"conversation_id": ground.conversation, **body}
    cases = [(field, {**whole, field: value}) for field, values in wrong.items() for value in values]
    cases += [
        (field, {each: value for each, value in whole.items() if each != field}) for field in wrong if field in body
    ]
    cases.append(("surprise", {**whole, "surprise": 1}))
    if op not in {"token", "watch"} and plane == "portal":
        cases.append(("stream", {**whole, "stream": "internal"}))
    if op == "watch":
        cases = [(field, frame) for field, frame in cases if "away" in frame]
    if op == "send":
        # Files that are nobody's are found out later than wrong forms, by conversations.
        cases.append(("attachment_ids", {**whole, "attachment_ids": [new_id()]}))
    before = ground.stands(clinic)

    with ground.who.device() as screen:
        for field, frame in cases:
            reply = screen.the_line.asks(op, **frame)
            assert (field, str(frame)[:200], reply["ok"]) == (field, str(frame)[:200], False)
            assert reply["problem"]["code"] == "invalid"
            assert field in reply["problem"]["errors"], (field, frame, reply)
        if op == "watch" and plane == "portal":
            assert screen.the_line.asks(op, **whole)["problem"]["code"] == "invalid"
        assert screen.the_line.asks("ping")["ok"]

    assert ground.stands(clinic) == before


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(
    "resume",
    [
        7,
        "x",
        [],
        {"x": {}},
        {SOMEBODY: 5},
        {SOMEBODY: {"shared": "1"}},
        {SOMEBODY: {"secret": 1}},
        {SOMEBODY: {"shared": 2**63}},
    ],
    ids=str,
)
def test_a_wrong_resume_is_refused_and_may_be_said_again(ground: Ground, plane: str, resume: object) -> None:
    """The first hello is answered `invalid`, the next one is served."""
    del plane
    with ground.who.opens_line() as line:
        refused = line.asks("hello", resume=resume)
        again = line.asks("hello", resume={ground.conversation: {"shared": 2**53 - 1}})

    assert (refused["problem"]["code"], list(refused["problem"]["errors"])) == ("invalid", ["resume"])
    assert again["ok"]


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(
    "asked",
    ["bytes=x", "bytes=5-1", "bytes=-0", "bytes=--5", "x=1-2", "bytes=0-1," * 500, "bytes=0-" + "9" * 40, "bytes=999-"],
    ids=lambda asked: asked[:20],
)
def test_an_odd_part_of_a_file_is_answered_with_all_of_it(ground: Ground, plane: str, asked: str) -> None:
    """Whatever `Range` says: the file, or a part of it, or 416; never a failure of ours."""
    del plane
    sent = ground.who.uploads(b"hello there", "hello.txt")

    answer = ground.who.raw("GET", f"/attachments/{sent['id']}", headers={"Range": asked})

    assert answer.status_code in {200, 206, 416}
    assert answer.content == b"hello there" or answer.status_code == 416
