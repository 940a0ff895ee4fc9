"""Files at a gateway: whole in a temporary file, then on in a header and a body; bounded for each and for all."""

import io
from typing import Any

import pytest
from werkzeug.test import TestResponse

import portal_gateway.app
import staff_gateway.app
from gatekit.addresses import PORTAL, STAFF, Addresses
from gatekit.files import EACH_AT_ONCE
from tests.unit.gatekit.standins import MESSAGE, ORIGIN, SETTINGS, ada, nora
from tests.unit.gatekit.world import World
from wire.files import LARGEST, NAME, unpacked
from wire.ids import new_id

FILE = f"/attachments/{MESSAGE}"
BOTH = [STAFF, PORTAL]


def world_of(addresses: Addresses) -> World:
    """Return the world of one plane's gateway."""
    return World(addresses, staff_gateway.app.compose if addresses is STAFF else portal_gateway.app.compose)


def token_of(world: World) -> str:
    """Return an access token for the world's plane."""
    return world.auth.access_token(nora() if world.addresses is STAFF else ada())


def uploads(world: World, content: bytes, name: str = "letter.pdf") -> TestResponse:
    """Upload a file with a program's token."""
    begins = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return world.browser().post(
        world.addresses.api + "/attachments",
        base_url=ORIGIN,
        headers={"Authorization": f"Bearer {token_of(world)}"},
        content_type="multipart/form-data; boundary=b",
        data=begins + content + b"\r\n--b--\r\n",
    )


def fetches(world: World, **headers: str) -> TestResponse:
    """Fetch a file with a program's token."""
    return world.browser().get(
        world.addresses.api + FILE,
        base_url=ORIGIN,
        headers={"Authorization": f"Bearer {token_of(world)}"} | {n.replace("_", "-"): v for n, v in headers.items()},
    )


@pytest.mark.parametrize("addresses", BOTH)
def test_a_file_goes_on_with_its_name_in_a_header(addresses: Addresses) -> None:
    """The bytes as they came, the name in no address; and the answer has the addresses of its plane."""
    world = world_of(addresses)
    name = "Brief an Müller 😀.pdf"

    answer = uploads(world, b"%PDF-1.7 bytes", name)

    (call,) = world.conversations.calls
    assert (call.method, call.path, call.query, call.body) == ("POST", "/attachments", {}, b"%PDF-1.7 bytes")
    assert unpacked(call.headers[NAME.lower()]) == name
    assert answer.status_code == 201
    assert answer.get_json()["url"].startswith(f"{addresses.api}/attachments/")


@pytest.mark.parametrize("addresses", BOTH)
def test_a_files_own_headers_come_through_and_no_others(addresses: Addresses) -> None:
    """What a browser may do with it is said by conversations; what is ours inside stays inside."""
    answer = fetches(world_of(addresses))

    assert answer.data == b"%PDF-1.7 the bytes"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Inside" not in answer.headers


def test_what_is_asked_about_a_file_goes_on() -> None:
    """Which part, and what the caller holds; its keys go with it, its cookies do not."""
    world = world_of(STAFF)

    fetches(world, Range="bytes=0-9", If_None_Match='"1"', Cookie="a=b")

    (call,) = world.conversations.calls
    assert (call.headers["range"], call.headers["if-none-match"]) == ("bytes=0-9", '"1"')
    assert call.query == {"size": "full"}
    assert "cookie" not in call.headers


def test_too_large_a_file_goes_nowhere() -> None:
    """Told by its length, or by counting where that is not told or not true."""
    world = world_of(STAFF)

    told = uploads(world, b"x" * (LARGEST + 100_000))
    counted = uploads(world, b"x" * (LARGEST + 1))

    assert [answer.get_json()["code"] for answer in (told, counted)] == ["too_large"] * 2
    assert world.conversations.calls == []


def test_a_refusal_comes_through_as_what_it_is() -> None:
    """The sentence that conversations had for it."""
    world = world_of(STAFF)
    problem = {"code": "unsupported_media", "status": 415, "detail": "Documents with macros cannot be sent."}
    world.conversations.refuses("POST", "/attachments", problem)

    answer = uploads(world, b"x")

    assert (answer.status_code, answer.get_json()["detail"]) == (415, problem["detail"])


def test_when_conversations_is_away_nothing_is_told_to_be_stored() -> None:
    """503, up and down."""
    world = world_of(STAFF)
    uploads(world, b"x")
    world.conversations.away = True

    answers = [uploads(world, b"x"), fetches(world)]

    assert [answer.get_json()["code"] for answer in answers] == ["unavailable"] * 2


def test_a_browser_whose_token_was_taken_back_uploads_with_the_next_one() -> None:
    """The file is sent again, whole."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())
    world.call(browser, "GET", "/me")
    world.conversations.refused_tokens.add(str(world.conversations.calls[-1].user_token))
    world.clock.forward(seconds=1)

    answer = browser.post(
        STAFF.api + "/attachments",
        base_url=ORIGIN,
        headers={"Origin": ORIGIN},
        data={"file": (io.BytesIO(b"all of it"), "a.txt")},
    )

    assert answer.status_code == 201
    assert [call.body for call in world.conversations.calls[-2:]] == [b"all of it"] * 2


def test_a_form_of_another_site_uploads_nothing() -> None:
    """A page elsewhere can send a form with the user's cookie, but not from our origin."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())
    before = len(world.conversations.calls)

    answer = browser.post(
        STAFF.api + "/attachments",
        base_url=ORIGIN,
        headers={"Origin": "https://evil.example"},
        data={"file": (io.BytesIO(b"x"), "a.txt")},
    )

    assert (answer.status_code, answer.get_json()["code"]) == (403, "origin_refused")
    assert len(world.conversations.calls) == before


def test_a_person_uploads_no_more_than_their_share() -> None:
    """Sixty a minute, refused ones included."""
    world = world_of(STAFF)

    answers = [uploads(world, b"x") for _ in range(SETTINGS.uploads_per_minute + 1)]

    assert [answer.status_code for answer in answers] == [201] * SETTINGS.uploads_per_minute + [429]
    assert "Retry-After" in answers[-1].headers


def test_a_person_has_a_few_uploads_under_way_at_once() -> None:
    """One more is asked to wait; others are not concerned; when one has ended there is room again."""
    world = world_of(STAFF)
    inner: list[TestResponse] = []

    class Slow(io.BytesIO):
        """A file in whose middle another upload begins."""

        def __init__(self, depth: int) -> None:
            super().__init__(b"x" * 100)
            self._depth = depth

        def readinto(self, room: Any) -> int:  # noqa: ANN401 - any writable buffer
            if self._depth:
                depth, self._depth = self._depth, 0
                inner.append(sends(depth - 1))
            return super().readinto(room)

    def sends(depth: int) -> TestResponse:
        answer: TestResponse = world.browser().post(
            STAFF.api + "/attachments",
            base_url=ORIGIN,
            headers={
                "Authorization": f"Bearer {token_of(world)}",
                "Content-Type": "multipart/form-data; boundary=b",
                "Content-Length": "100",
            },
            environ_overrides={"wsgi.input": Slow(depth)},
        )
        return answer

    sends(EACH_AT_ONCE)

    assert [answer.get_json()["code"] for answer in inner] == ["rate_limited"] + ["invalid"] * (EACH_AT_ONCE - 1)
    assert uploads(world, b"x").status_code == 201


@pytest.mark.parametrize("addresses", BOTH)
def test_files_are_listed_with_the_addresses_of_the_plane(addresses: Addresses) -> None:
    """As every other answer."""
    world = world_of(addresses)

    answer = world.call(world.browser(), "GET", f"/conversations/{new_id()}/files", origin=None, token=token_of(world))

    (item,) = answer.get_json()["items"]
    assert item["attachment"]["url"].startswith(f"{addresses.api}/attachments/")
    assert item["attachment"]["thumbnail_url"].startswith(f"{addresses.api}/attachments/")
    assert PORTAL.api not in str(item) or addresses is PORTAL
