"""Who comes in by REST, on both planes: bearer tokens, cookies, origins, permissions, and who does not."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from gatekit.addresses import PORTAL, STAFF, Addresses
from portal_gateway import app as portal
from staff_gateway import app as staff
from tests.unit.gatekit.standins import CONVERSATION, ORIGIN, SETTINGS, Person, StandInAuth, ada, nora
from tests.unit.gatekit.world import World, sending
from wire.ids import new_id

BOTH = [STAFF, PORTAL]


def world_of(addresses: Addresses, *, calls_per_minute: int = 600) -> World:
    """Return the gateway of that plane."""
    compose = staff.compose if addresses is STAFF else portal.compose
    return World(addresses, compose, replace(SETTINGS, calls_per_minute=calls_per_minute))


def person_of(addresses: Addresses) -> Person:
    """Return somebody who belongs on that plane."""
    return nora() if addresses is STAFF else ada()


def other(addresses: Addresses) -> Addresses:
    """Return the other plane."""
    return PORTAL if addresses is STAFF else STAFF


@pytest.mark.parametrize("addresses", BOTH)
def test_a_program_comes_in_with_its_token_alone(addresses: Addresses) -> None:
    """No cookie and no Origin, for reading and for changing."""
    world = world_of(addresses)
    token = world.auth.access_token(person_of(addresses))

    me = world.call(world.browser(), "GET", "/me", origin=None, token=token)
    read = world.call(
        world.browser(),
        "PUT",
        f"/conversations/{CONVERSATION}/read",
        origin=None,
        token=token,
        body={"stream": "shared", "seq": 3},
    )

    assert (me.status_code, read.status_code) == (200, 204)


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x.y.z", "Basic bm9yYTpub3Jh", "Bearer a b", "bearer é"]
)
def test_a_header_that_is_no_good_token_is_unauthenticated(addresses: Addresses, header: str) -> None:
    """Whatever stands in Authorization, a good cookie beside it does not make up for it."""
    world = world_of(addresses)
    browser = world.signed_in(person_of(addresses))

    answer = browser.get(f"{addresses.api}/me", base_url=ORIGIN, headers={"Authorization": header})

    assert (answer.status_code, answer.get_json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def _wrong_tokens(auth: StandInAuth, addresses: Addresses) -> dict[str, str]:
    person = person_of(addresses)
    other = ada() if addresses is STAFF else nora()
    good = auth.access_token(person)
    head, payload, signature = good.split(".")
    foreign = StandInAuth(auth.clock)
    return {
        "of the other plane": auth.access_token(other),
        "ended": auth.access_token(person, exp=int(auth.clock().timestamp()) - 60),
        "from the future": auth.access_token(person, iat=int(auth.clock().timestamp()) + 600),
        "of another issuer": auth.access_token(person, iss="https://evil.example"),
        "for a service": auth.access_token(person, aud="services"),
        "an id token": auth.signed({"iss": "x", "sub": person.user_id}, "JWT"),
        "with another payload": f"{head}.{auth.access_token(other).split('.')[1]}.{signature}",
        "without a signature": f"{head}.{payload}.",
        "unsigned": f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.",
        "signed by a stranger": foreign.access_token(person),
    }


@pytest.mark.parametrize("addresses", BOTH)
def test_no_token_but_a_good_one_of_this_plane_opens_anything(addresses: Addresses) -> None:
    """Each wrong token is unauthenticated, and conversations never hears of the call."""
    world = world_of(addresses)
    wrong = _wrong_tokens(world.auth, addresses)

    got = {what: world.call(world.browser(), "GET", "/me", token=token).status_code for what, token in wrong.items()}

    assert got == dict.fromkeys(wrong, 401)
    assert world.conversations.calls == []


def test_staff_without_the_permission_are_told_so() -> None:
    """A problem for the API, a designed page that names nobody else for people, 403 both."""
    world = world_of(STAFF)
    otto = nora(permissions=frozenset())
    browser = world.signed_in(otto)

    call = world.call(browser, "GET", "/conversations")
    with_token = world.call(world.browser(), "GET", "/me", token=world.auth.access_token(otto))
    page = browser.get("/messaging", base_url=ORIGIN)

    assert (call.status_code, call.get_json()["code"]) == (403, "permission_required")
    assert with_token.get_json()["code"] == "permission_required"
    assert (page.status_code, page.mimetype) == (403, "text/html")
    assert world.conversations.calls == []


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", "", "http://localhost", ORIGIN + "/", ORIGIN.upper()]
)
def test_a_cookie_changes_nothing_from_another_site(addresses: Addresses, origin: str | None) -> None:
    """Every changing call of a browser needs our own Origin, to the letter; reading does not."""
    world = world_of(addresses)
    browser = world.signed_in(person_of(addresses))

    refused = [
        world.call(browser, method, path, origin=origin, body=body)
        for method, path, body in (
            ("POST", f"/conversations/{CONVERSATION}/messages", {"client_message_id": new_id(), "body": "hello"}),
            ("POST", "/conversations", {}),
            ("PUT", f"/conversations/{CONVERSATION}/read", {"stream": "shared", "seq": 1}),
            ("PATCH", f"/messages/{CONVERSATION}", {"body": "x"}),
            ("DELETE", f"/messages/{CONVERSATION}", None),
        )
    ]

    assert {(answer.status_code, answer.get_json()["code"]) for answer in refused} == {(403, "origin_refused")}
    assert world.conversations.calls == []
    assert world.call(browser, "GET", "/me", origin=origin).status_code == 200


@pytest.mark.parametrize("origin", [ORIGIN, "http://127.0.0.1:8080"])
def test_our_own_page_changes_things_with_its_cookie(origin: str) -> None:
    """The public origin, and its twin on this machine, are ours."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())

    with sending(world):
        posted = world.call(
            browser,
            "POST",
            f"/conversations/{CONVERSATION}/messages",
            origin=origin,
            body={"client_message_id": new_id(), "body": "hello"},
        )

    assert posted.status_code == 201


@pytest.mark.parametrize(
    "change", [lambda c: c[:-2], lambda c: "x" + c, lambda c: c.replace(".", "", 1), lambda _: "", lambda c: c * 9]
)
def test_a_cookie_that_was_changed_is_no_cookie(change: object) -> None:
    """Tampered, cut, empty or huge: unauthenticated, and the page asks to sign in again and forgets it."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())
    kept = browser.get_cookie("staff_session", path="/messaging")
    assert kept is not None
    browser.set_cookie("staff_session", change(kept.value), path="/messaging")  # type: ignore[operator] # a lambda

    call = world.call(browser, "GET", "/me")
    page = browser.get("/messaging", base_url=ORIGIN)

    assert call.status_code == 401
    assert page.location.startswith("/messaging/login?next=")


def test_a_cookie_of_one_plane_opens_nothing_on_the_other() -> None:
    """The same sealed text under the other cookie's name is no session, though both were made with one secret."""
    staff_world, portal_world = world_of(STAFF), world_of(PORTAL)
    person = nora()
    kept = staff_world.signed_in(person).get_cookie("staff_session", path="/messaging")
    assert kept is not None
    (refresh_token,) = staff_world.auth.people
    portal_world.auth.people[refresh_token] = ada()
    portal_world.auth.people[refresh_token].session_id = person.session_id
    browser = portal_world.browser()
    browser.set_cookie("portal_session", kept.value, path="/portal")

    answer = portal_world.call(browser, "GET", "/me")

    assert answer.status_code == 401


def test_a_session_ends_by_itself_after_twelve_hours() -> None:
    """However busy it was."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())

    world.clock.forward(hours=11.9)
    before = world.call(browser, "GET", "/me").status_code
    world.clock.forward(hours=0.2)
    after = world.call(browser, "GET", "/me").status_code

    assert (before, after) == (200, 401)


def test_a_token_is_fetched_once_and_again_a_minute_before_its_end() -> None:
    """Many calls share one token; the next is fetched while the old one is still good."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())

    for _ in range(5):
        world.call(browser, "GET", "/me")
    first = world.auth.refreshes
    world.clock.forward(minutes=9, seconds=1)
    world.call(browser, "GET", "/me")

    assert (first, world.auth.refreshes) == (1, 2)
    assert len({call.user_token for call in world.conversations.calls}) == 2


def test_a_session_that_ended_at_the_issuer_ends_here() -> None:
    """The next fetch finds out; the page then leads to sign-in."""
    world = world_of(STAFF)
    person = nora()
    browser = world.signed_in(person)
    person.alive = False

    call = world.call(browser, "GET", "/me")
    page = browser.get("/messaging", base_url=ORIGIN)

    assert call.status_code == 401
    assert page.location.startswith("/messaging/login")


def test_an_issuer_that_is_away_signs_nobody_out() -> None:
    """No fresh token can be had: unavailable, the cookie stays, and the session goes on when the issuer is back."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())
    world.auth.away = True

    call = world.call(browser, "GET", "/me")
    page = browser.get("/messaging", base_url=ORIGIN)
    world.auth.away = False

    assert (call.status_code, call.get_json()["code"]) == (503, "unavailable")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert browser.get_cookie("staff_session", path="/messaging") is not None
    assert world.call(browser, "GET", "/me").status_code == 200


def test_a_token_that_was_taken_back_meanwhile_is_renewed_once() -> None:
    """Conversations may know of a change before the gateway: the browser's call goes through with a fresh token."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())
    world.call(browser, "GET", "/me")
    world.conversations.refused_tokens.add(world.conversations.calls[-1].user_token or "")
    world.clock.forward(seconds=1)

    read = world.call(browser, "GET", "/conversations")

    assert read.status_code == 200
    assert world.auth.refreshes == 2


def test_a_posted_message_whose_token_was_taken_back_goes_through_with_a_fresh_one() -> None:
    """Likewise through the queue of sends, where it is counted against its author's share once."""
    world = World(STAFF, staff.compose, replace(SETTINGS, sends_per_minute=1))
    browser = world.signed_in(nora())
    world.call(browser, "GET", "/me")
    world.conversations.refused_tokens.add(world.conversations.calls[-1].user_token or "")
    world.clock.forward(seconds=1)

    with sending(world):
        posted = world.call(
            browser,
            "POST",
            f"/conversations/{CONVERSATION}/messages",
            body={"client_message_id": new_id(), "body": "hello"},
        )

    assert posted.status_code == 201


def test_a_lost_permission_bites_at_the_next_token() -> None:
    """What conversations refused is renewed, and the renewed token no longer opens the door."""
    world = world_of(STAFF)
    person = nora()
    browser = world.signed_in(person)
    world.call(browser, "GET", "/me")
    world.conversations.refused_tokens.add(world.conversations.calls[-1].user_token or "")
    person.permissions = frozenset()
    world.clock.forward(seconds=1)

    answer = world.call(browser, "GET", "/conversations")

    assert (answer.status_code, answer.get_json()["code"]) == (403, "permission_required")


@pytest.mark.parametrize("addresses", BOTH)
def test_a_handshake_is_refused_before_it_begins(addresses: Addresses) -> None:
    """No or bad token 401, another site 403 (with a cookie, with a token, and with a cookie and no Origin at all)."""
    world = world_of(addresses)
    stranger, person = world.browser(), world.signed_in(person_of(addresses))
    bearer = {"Authorization": f"Bearer {world.auth.access_token(person_of(addresses))}"}
    other_plane = {"Authorization": f"Bearer {world.auth.access_token(person_of(other(addresses)))}"}

    def shakes(browser: FlaskClient, headers: dict[str, str]) -> tuple[int, str]:
        answer = browser.get(addresses.live, base_url=ORIGIN, headers=headers)
        return answer.status_code, answer.get_json()["code"]

    assert shakes(stranger, {}) == (401, "unauthenticated")
    assert shakes(stranger, {"Authorization": "Bearer nonsense"}) == (401, "unauthenticated")
    assert shakes(stranger, other_plane) == (401, "unauthenticated")
    assert shakes(stranger, bearer | {"Origin": "https://evil.example"}) == (403, "origin_refused")
    assert shakes(person, {"Origin": "https://evil.example"}) == (403, "origin_refused")
    assert shakes(person, {}) == (403, "origin_refused")


def test_a_handshake_without_the_permission_is_refused() -> None:
    """403, for a token and for a cookie."""
    world = world_of(STAFF)
    otto = nora(permissions=frozenset())
    bearer = {"Authorization": f"Bearer {world.auth.access_token(otto)}"}

    with_token = world.browser().get(STAFF.live, base_url=ORIGIN, headers=bearer)
    with_cookie = world.signed_in(otto).get(STAFF.live, base_url=ORIGIN, headers={"Origin": ORIGIN})

    assert with_token.get_json()["code"] == with_cookie.get_json()["code"] == "permission_required"
    assert with_token.status_code == with_cookie.status_code == 403


@pytest.mark.parametrize("addresses", BOTH)
def test_a_handshake_that_may_come_in_is_told_what_a_socket_needs(addresses: Addresses) -> None:
    """A good caller whose request is no WebSocket handshake is refused for that alone."""
    world = world_of(addresses)
    person = world.signed_in(person_of(addresses))

    answer = person.get(addresses.live, base_url=ORIGIN, headers={"Origin": ORIGIN})

    assert answer.get_json()["code"] == "invalid"


@pytest.mark.parametrize("addresses", BOTH)
def test_more_calls_than_a_share_are_told_when_to_come_again(addresses: Addresses) -> None:
    """Reading counts like changing and like opening a socket; another person's share is untouched."""
    world = world_of(addresses, calls_per_minute=3)
    mine, hers = (world.auth.access_token(person_of(addresses)) for _ in range(2))
    other = world.auth.access_token(replace(person_of(addresses), user_id=new_id()))

    answers = [world.call(world.browser(), "GET", "/me", origin=None, token=token) for token in (mine, hers, mine)]
    beyond = world.call(world.browser(), "GET", "/me", origin=None, token=mine)
    handshake = world.browser().get(addresses.live, base_url=ORIGIN, headers={"Authorization": f"Bearer {mine}"})
    another = world.call(world.browser(), "GET", "/me", origin=None, token=other)

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (beyond.status_code, beyond.get_json()["code"]) == (429, "rate_limited")
    assert 1 <= int(beyond.headers["Retry-After"]) <= 60
    assert (handshake.status_code, another.status_code) == (429, 200)
