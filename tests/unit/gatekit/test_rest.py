"""REST on both planes: what is asked reaches conversations as it was meant, and bad input reaches nobody."""

from typing import Any

import httpx
import pytest

from gatekit.addresses import PORTAL, STAFF, Addresses
from portal_gateway import app as portal
from staff_gateway import app as staff
from tests.unit.gatekit.standins import CONVERSATION, MESSAGE, ORIGIN, ada, nora
from tests.unit.gatekit.world import World, sending
from wire import samples
from wire.ids import new_id
from wire.problems import ConversationClosed, NotFound, Stale

BOTH = [STAFF, PORTAL]
MESSAGES = f"/conversations/{CONVERSATION}/messages"


def world_of(addresses: Addresses) -> World:
    """Return the gateway of that plane."""
    return World(addresses, staff.compose if addresses is STAFF else portal.compose)


def token_of(world: World) -> str:
    """Return the token of somebody who belongs on this plane."""
    return world.auth.access_token(nora() if world.addresses is STAFF else ada())


def call(world: World, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 - JSON, and an answer
    """Call as a program that may."""
    return world.call(world.browser(), method, path, origin=None, token=token_of(world), body=body)


@pytest.mark.parametrize("addresses", BOTH)
def test_me_says_who_is_signed_in_and_what_the_doors_take(addresses: Addresses) -> None:
    """Names come from conversations' directory, permissions from the token, limits from the settings."""
    world = world_of(addresses)

    me = call(world, "GET", "/me").json

    patients: set[str] = set() if addresses is STAFF else {"patients"}
    assert set(me) == {"user", "org", "permissions", "unread_total", "limits"} | patients
    assert me["limits"] == {"body_chars": 10_000, "attachment_bytes": 25_000_000, "sends_per_minute": 60}
    assert ("pf.messaging.view" in me["permissions"]) is (addresses is STAFF)


def test_a_conversations_of_the_release_before_names_no_patients() -> None:
    """While one release replaces the other, a portal's page says who is signed in all the same."""
    world = world_of(PORTAL)
    world.conversations.replace["GET", "/me"] = lambda _: httpx.Response(200, json=samples.load("bodies")["Me"])

    assert call(world, "GET", "/me").json["patients"] == []


@pytest.mark.parametrize("addresses", BOTH)
def test_every_call_carries_the_gateways_token_and_the_callers(addresses: Addresses) -> None:
    """Two keys to conversations; the caller's own token is what decides there."""
    world = world_of(addresses)
    token = token_of(world)

    world.call(world.browser(), "GET", "/conversations?filter=unread&limit=7", origin=None, token=token)

    (noted,) = world.conversations.calls
    assert (noted.service_token, noted.user_token) == ("Bearer service-token", token)
    assert noted.query == {"filter": "unread", "limit": "7"}


@pytest.mark.parametrize("addresses", BOTH)
def test_a_posted_message_goes_through_the_queue_with_its_authors_token(addresses: Addresses) -> None:
    """One item of a batch, cleaned, with nothing in it that was not said."""
    world = world_of(addresses)
    sent = {"client_message_id": new_id(), "body": "  May I?\r\n "}

    with sending(world):
        posted = call(world, "POST", MESSAGES, sent)

    (noted,) = world.conversations.calls
    (item,) = noted.body["items"]
    assert noted.path == "/sends"
    assert item.pop("token")
    assert item.pop("priority") == "normal"
    assert item == sent | {"body": "May I?", "stream": "shared", "conversation_id": CONVERSATION}
    assert (posted.status_code, posted.get_json()["message"]["body"]) == (201, "May I?")


@pytest.mark.parametrize("addresses", BOTH)
def test_sixty_messages_a_minute_are_taken_and_no_more(addresses: Addresses) -> None:
    """The next one is told when to come back; another person's messages are not counted with these."""
    world = world_of(addresses)
    browser, token = world.browser(), token_of(world)

    with sending(world):
        statuses = [
            world.call(
                browser, "POST", MESSAGES, origin=None, token=token, body={"client_message_id": new_id(), "body": "x"}
            )
            for _ in range(61)
        ]

    assert [answer.status_code for answer in statuses] == [201] * 60 + [429]
    assert statuses[-1].get_json()["code"] == "rate_limited"
    assert 1 <= int(statuses[-1].headers["Retry-After"]) <= 60


def test_opening_conversations_with_a_message_counts_as_sending() -> None:
    """There is no way around the share by always beginning anew."""
    world = world_of(PORTAL)
    browser, token = world.browser(), token_of(world)

    answers = [
        world.call(
            browser,
            "POST",
            "/conversations",
            origin=None,
            token=token,
            body={"subject": "x", "first_message": {"client_message_id": new_id(), "body": "x"}},
        )
        for _ in range(61)
    ]

    assert [answer.status_code for answer in answers] == [201] * 60 + [429]


BAD_MESSAGES: dict[str, Any] = {
    "empty": {"client_message_id": MESSAGE, "body": " \n "},
    "too long": {"client_message_id": MESSAGE, "body": "x" * 10_001},
    "a null character": {"client_message_id": MESSAGE, "body": "a\0b"},
    "half a surrogate pair": {"client_message_id": MESSAGE, "body": "\ud800"},
    "not text": {"client_message_id": MESSAGE, "body": 7},
    "no id": {"body": "hello"},
    "an id that is none": {"client_message_id": "../../etc/passwd", "body": "hello"},
    "an unknown field": {"client_message_id": MESSAGE, "body": "hello", "as_user": "somebody"},
    "an unknown stream": {"client_message_id": MESSAGE, "body": "hello", "stream": "secret"},
    "a wrong priority": {"client_message_id": MESSAGE, "body": "hello", "priority": 3},
    "attachments that are none": {"client_message_id": MESSAGE, "body": "hello", "attachment_ids": ["a file"]},
    "more attachments than fit": {"client_message_id": MESSAGE, "body": "hello", "attachment_ids": [MESSAGE] * 11},
    "a list": [],
    "a number": 1,
}


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize("what", BAD_MESSAGES)
def test_a_bad_message_is_invalid_and_goes_nowhere(addresses: Addresses, what: str) -> None:
    """The problem names the fields and repeats nothing of them."""
    world = world_of(addresses)

    answer = world.browser().post(
        addresses.api + MESSAGES,
        base_url=ORIGIN,
        headers={"Authorization": f"Bearer {token_of(world)}"},
        json=BAD_MESSAGES[what],
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert answer.mimetype == "application/problem+json"
    assert world.conversations.calls == []


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"{", b"nonsense", b'{"a":1}trailing', b"\xff\xfe", b"[" * 200_000, b'{"a":NaN}']
)
def test_what_is_no_json_is_invalid(raw: bytes) -> None:
    """However deep or broken, it is the caller's to mend, never ours to stumble over."""
    world = world_of(STAFF)

    answer = world.browser().post(
        STAFF.api + MESSAGES,
        base_url=ORIGIN,
        headers={"Authorization": f"Bearer {token_of(world)}", "Content-Type": "application/json"},
        data=raw,
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")


def test_a_form_is_not_taken_for_json() -> None:
    """Another kind of content is unsupported_media, which also keeps plain HTML forms of other sites out."""
    world = world_of(STAFF)

    answer = world.browser().post(
        STAFF.api + MESSAGES,
        base_url=ORIGIN,
        headers={"Authorization": f"Bearer {token_of(world)}"},
        data={"body": "x"},
    )

    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media")


def test_a_huge_request_is_too_large() -> None:
    """Before it is read."""
    world = world_of(STAFF)

    answer = call(world, "POST", MESSAGES, {"client_message_id": MESSAGE, "body": "x" * 300_000})

    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize(
    "query",
    ["filter=everything", "limit=0", "limit=201", "limit=many", "limit=1e3", "unknown=1", "q=" + "x" * 201],
)
def test_a_query_that_means_nothing_is_invalid(addresses: Addresses, query: str) -> None:
    """Named by its field."""
    world = world_of(addresses)

    answer = call(world, "GET", f"/conversations?{query}")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert set(answer.get_json()["errors"]) == {query.split("=", maxsplit=1)[0]}


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize(
    "path", ["/nope", "/conversations/not-an-id", "/conversations/../me/x", "/searches?q=x", "/", "/me/"]
)
def test_an_address_that_is_none_is_not_found(addresses: Addresses, path: str) -> None:
    """As a problem, not as a page."""
    world = world_of(addresses)

    answer = call(world, "GET", path)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_wrong_method_says_which_ones_are_right() -> None:
    """405 with Allow."""
    world = world_of(STAFF)

    answer = call(world, "POST", "/me", {})

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("addresses", BOTH)
def test_what_conversations_refuses_is_refused_alike(addresses: Addresses) -> None:
    """Its code, its status and its sentence come through."""
    world = world_of(addresses)
    world.conversations.refuses("GET", f"/conversations/{CONVERSATION}", NotFound("Nothing there.").as_dict())

    answer = call(world, "GET", f"/conversations/{CONVERSATION}")

    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["detail"]) == (
        404,
        "not_found",
        "Nothing there.",
    )


@pytest.mark.parametrize("addresses", BOTH)
def test_a_refused_send_says_why(addresses: Addresses) -> None:
    """What was refused inside the batch is this call's refusal."""
    world = world_of(addresses)
    world.conversations.answers("POST", "/sends", {"results": [{"problem": ConversationClosed().as_dict()}]})

    with sending(world):
        answer = call(world, "POST", MESSAGES, {"client_message_id": new_id(), "body": "hello"})

    assert (answer.status_code, answer.get_json()["code"]) == (409, "conversation_closed")


@pytest.mark.parametrize("addresses", BOTH)
def test_when_conversations_is_away_nothing_was_stored_and_it_says_so(addresses: Addresses) -> None:
    """Every call ends in `unavailable`, and none hangs."""
    world = world_of(addresses)
    world.conversations.away = True

    with sending(world):
        answers = [
            call(world, "GET", "/me"),
            call(world, "GET", "/conversations"),
            call(world, "POST", MESSAGES, {"client_message_id": new_id(), "body": "hello"}),
            call(world, "PUT", f"/conversations/{CONVERSATION}/read", {"stream": "shared", "seq": 1}),
        ]

    assert {(answer.status_code, answer.get_json()["code"]) for answer in answers} == {(503, "unavailable")}


def test_a_stale_answer_shows_patients_shared_entries_only() -> None:
    """What an author had not seen is shown as the portal shows entries."""
    world = world_of(PORTAL)
    entries = samples.load("entries")
    seen = [entries["message.posted"] | {"internal": {"seq": 3}}, entries["message.posted.internal"]]
    world.conversations.answers("POST", "/sends", {"results": [{"problem": Stale(entries=seen).as_dict()}]})

    with sending(world):
        answer = call(world, "POST", MESSAGES, {"client_message_id": new_id(), "body": "hello"})

    assert (answer.status_code, answer.get_json()["entries"]) == (409, [entries["message.posted"]])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", MESSAGES, {"client_message_id": MESSAGE, "body": "note", "stream": "internal"}),
        ("PUT", f"/conversations/{CONVERSATION}/read", {"stream": "internal", "seq": 1}),
        ("GET", f"/conversations/{CONVERSATION}/timeline?stream=internal", None),
    ],
)
def test_patients_cannot_even_ask_for_the_internal_stream(method: str, path: str, body: Any) -> None:  # noqa: ANN401 - JSON
    """It is invalid like any other word, and the refusal does not tell that it exists."""
    world = world_of(PORTAL)

    answer = call(world, method, path, body)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert b"internal" not in answer.data
    assert world.conversations.calls == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/directory"),
        ("PATCH", f"/conversations/{CONVERSATION}"),
        ("POST", f"/conversations/{CONVERSATION}/participants"),
        ("DELETE", f"/conversations/{CONVERSATION}/participants/{MESSAGE}"),
        ("GET", f"/messages/{MESSAGE}/history"),
    ],
)
def test_the_calls_of_staff_are_not_there_for_patients(method: str, path: str) -> None:
    """Protocol.md marks them without a P."""
    world = world_of(PORTAL)

    answer = call(world, method, path, {} if method in {"PATCH", "POST"} else None)

    assert answer.status_code in {404, 405}
    assert world.conversations.calls == []


@pytest.mark.parametrize("addresses", BOTH)
def test_answers_may_not_be_kept_framed_or_sniffed(addresses: Addresses) -> None:
    """Pages, calls, refusals and sign-in alike; no policy allows inline code."""
    world = world_of(addresses)
    browser = world.signed_in(nora() if addresses is STAFF else ada())

    answers = [
        browser.get(path, base_url=ORIGIN)
        for path in (
            addresses.pages,
            f"{addresses.api}/me",
            f"{addresses.api}/nope",
            addresses.login,
            f"{addresses.root}/x/y",
        )
    ]

    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
