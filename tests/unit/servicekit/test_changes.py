"""Following auth's changes: each once and in order, from the list and from the broker, whatever is away."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY

from servicekit.background import Background
from servicekit.changes import HEARD_WITHIN_S, REMEMBERED_S, ChangeFeed, Revocations
from servicekit.exchange import Message
from servicekit.tokens import ServiceToken
from tests.support.ports import wait_until
from wire.changes import Change

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HARBOR, NORA, TAB = "01930000-0000-7000-8000-000000000001", "nora", "tab"


def change(position: int, **members: object) -> dict[str, Any]:
    """Return a change as auth sends it."""
    return {
        "position": position,
        "type": "session.revoked",
        "at": "2026-11-22T08:00:00.000Z",
        "org": HARBOR,
        "user_id": NORA,
        "session_id": f"session-{position}",
        "tokens_before": None,
        "reason": "signed_out",
        "user": None,
    } | members


class Auth:
    """Auth's list of changes and its tokens, as a transport."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.head = 0
        self.away = False
        self.refuses_token = False
        self.asked: list[str] = []
        self.tokens = 0

    def happens(self, **members: object) -> dict[str, Any]:
        self.head += 1
        made = change(self.head, **members)
        self.changes.append(made)
        return made

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        if request.url.path == "/auth/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"t{self.tokens}", "expires_in": 600})
        if self.refuses_token:
            self.refuses_token = False
            return httpx.Response(401, json={"code": "unauthenticated", "status": 401, "title": "", "detail": ""})
        after = request.url.params.get("after")
        self.asked.append(after or "start")
        since = [each for each in self.changes if after is None or each["position"] > int(after)]
        return httpx.Response(200, json={"items": since[: int(request.url.params["limit"])], "position": self.head})


class Follower:
    """A service that follows auth."""

    def __init__(self, auth: Auth, poll_every_s: float) -> None:
        http = httpx.Client(transport=auth.transport(), base_url="http://auth")
        token = ServiceToken(http, client_id="conversations", secret="s", clock=lambda: NOW)
        self.ticks = 0.0
        self.feed = ChangeFeed(http, token, clock=lambda: NOW, poll_every_s=poll_every_s, ticks=lambda: self.ticks)
        self.heard: list[int] = []
        self.feed.listen(lambda told: self.heard.append(told.position))
        self.background = Background()
        self.background.add("changes", self.feed.run, wake=self.feed.wake)

    def hears(self, *positions: int) -> None:
        wait_until(lambda: len(self.heard) >= len(positions), within_s=5, what=f"{len(positions)} changes")
        assert self.heard == list(positions)

    def is_pushed(self, *changes: dict[str, Any]) -> None:
        for one in changes:
            body = orjson.dumps(one)
            message = Message(exchange="auth.events", routing_key="o.t", body=body, type="t", message_id="m")
            self.feed.hear(message)


@pytest.fixture
def auth() -> Auth:
    """Give an auth where nothing happened yet."""
    return Auth()


@pytest.fixture
def polling(auth: Auth) -> Iterator[Follower]:
    """Give a follower that asks often."""
    made = Follower(auth, poll_every_s=0.05)
    yield made
    assert made.background.stop(5) == ()


@pytest.fixture
def patient(auth: Auth) -> Iterator[Follower]:
    """Give a follower that asks on its own only at the start, so that what it hears was pushed or asked for."""
    made = Follower(auth, poll_every_s=600)
    yield made
    assert made.background.stop(5) == ()


def test_what_happens_is_heard_by_asking(auth: Auth, polling: Follower) -> None:
    """Without any broker each change is heard once, in order, the recent past included."""
    auth.happens()
    polling.background.start()
    polling.hears(1)

    auth.happens()
    auth.happens()

    polling.hears(1, 2, 3)
    assert polling.feed.position == 3


def test_what_is_pushed_is_heard_without_asking(auth: Auth, patient: Follower) -> None:
    """A pushed change that follows the last one is taken as it is."""
    patient.background.start()
    wait_until(patient.feed.synced, within_s=5, what="the first answer")

    patient.is_pushed(auth.happens(), auth.happens())

    patient.hears(1, 2)
    assert auth.asked == ["start"]


def test_repeats_are_heard_once(auth: Auth, patient: Follower) -> None:
    """The same change pushed twice, or pushed after it was read, is one change."""
    first = auth.happens()
    patient.background.start()
    patient.hears(1)

    second = auth.happens()
    patient.is_pushed(first, second, second, first)

    patient.hears(1, 2)
    third = auth.happens()
    patient.is_pushed(third)
    patient.hears(1, 2, 3)


def test_a_gap_is_fetched_at_once(auth: Auth, patient: Follower) -> None:
    """When a pushed change shows that one is missing, the list is asked and the order kept."""
    patient.background.start()
    wait_until(patient.feed.synced, within_s=5, what="the first answer")

    auth.happens()
    patient.is_pushed(auth.happens())

    patient.hears(1, 2)
    assert auth.asked == ["start", "0"]


def test_many_changes_come_in_pages(auth: Auth, polling: Follower) -> None:
    """More than a page of changes is read to its end."""
    for _ in range(1203):
        auth.happens()

    polling.background.start()

    polling.hears(*range(1, 1204))


def test_auth_away_is_survived(auth: Auth, polling: Follower) -> None:
    """While auth is away revocations stay, pushed ones still bite, and what was missed is heard afterwards."""
    auth.happens(session_id="known")
    polling.background.start()
    polling.hears(1)
    auth.away = True

    polling.is_pushed(auth.happens(session_id="pushed"))
    auth.happens()
    revoked = polling.feed.revocations.revoked

    assert revoked(session_id="known", user_id=NORA, issued_at=0)
    assert revoked(session_id="pushed", user_id=NORA, issued_at=0)
    auth.away = False
    polling.hears(1, 2, 3)


def test_not_synced_until_auth_answered(auth: Auth, polling: Follower) -> None:
    """A service that never reached auth does not claim to know who was revoked."""
    auth.away = True
    polling.background.start()
    assert not polling.feed.synced()

    auth.away = False

    wait_until(polling.feed.synced, within_s=5, what="the first answer")


def test_a_refused_token_is_replaced(auth: Auth, polling: Follower) -> None:
    """When auth no longer takes our own token a new one is fetched and following goes on."""
    polling.background.start()
    wait_until(polling.feed.synced, within_s=5, what="the first answer")

    auth.refuses_token = True
    auth.happens()

    polling.hears(1)
    assert auth.tokens == 2


def test_an_auth_that_began_anew_is_followed_from_its_start(auth: Auth, polling: Follower) -> None:
    """When auth's positions fall back (another database), its changes are heard all the same."""
    for _ in range(5):
        auth.happens()
    polling.background.start()
    polling.hears(1, 2, 3, 4, 5)

    auth.changes.clear()
    auth.head = 0
    auth.happens()

    polling.hears(1, 2, 3, 4, 5, 1)


def test_one_listener_that_fails_does_not_silence_the_next(auth: Auth, polling: Follower) -> None:
    """Every listener hears every change, whatever another one does with it."""
    heard: list[int] = []

    def trip(_told: Change) -> None:
        raise RuntimeError

    polling.feed.listen(trip)
    polling.feed.listen(lambda told: heard.append(told.position))
    polling.background.start()

    auth.happens()
    auth.happens()

    wait_until(lambda: heard == [1, 2], within_s=5, what="both changes behind the one that trips")


def test_what_cannot_be_read_is_passed_over(auth: Auth, patient: Follower) -> None:
    """A message that is no change harms nothing."""
    patient.background.start()
    wait_until(patient.feed.synced, within_s=5, what="the first answer")

    patient.is_pushed({"position": "x"}, auth.happens())

    patient.hears(1)


def test_a_session_and_tokens_before_a_moment_are_revoked() -> None:
    """A revoked session is refused whatever its token; a user's tokens up to the moment are, later ones are not."""
    revocations = Revocations(lambda: NOW)
    second = int(NOW.timestamp())

    revocations.apply(Change.from_dict(change(1, session_id=TAB)))
    revocations.apply(
        Change.from_dict(change(2, type="user.changed", session_id=None, tokens_before=second, user_id="rosa"))
    )
    revocations.apply(
        Change.from_dict(change(3, type="user.changed", session_id=None, tokens_before=second - 60, user_id="rosa"))
    )

    assert revocations.revoked(session_id=TAB, user_id=NORA, issued_at=second + 99)
    assert not revocations.revoked(session_id="other", user_id=NORA, issued_at=second)
    assert revocations.revoked(session_id="other", user_id="rosa", issued_at=second)
    assert not revocations.revoked(session_id="other", user_id="rosa", issued_at=second + 1)


def test_old_revocations_are_forgotten() -> None:
    """What can concern no living token takes no memory."""
    now = [NOW.timestamp()]
    revocations = Revocations(lambda: datetime.fromtimestamp(now[0], UTC))
    revocations.apply(Change.from_dict(change(1, session_id=TAB, tokens_before=int(now[0]))))

    revocations.forget_old()
    assert revocations.revoked(session_id=TAB, user_id="else", issued_at=0)
    now[0] += REMEMBERED_S + 1
    revocations.forget_old()

    assert not revocations.revoked(session_id=TAB, user_id=NORA, issued_at=0)


def test_a_wake_does_not_wait_for_the_poll(auth: Auth, patient: Follower) -> None:
    """Whoever knows that something happened (a broker that came back) has auth asked now."""
    patient.background.start()
    wait_until(patient.feed.synced, within_s=5, what="the first answer")
    auth.happens()

    threading.Thread(target=patient.feed.wake).start()

    patient.hears(1)


def test_auths_silence_shows_and_ends(auth: Auth, polling: Follower) -> None:
    """A feed is fresh while auth is heard, stays in step without it, and is fresh again when it is back."""
    polling.background.start()
    wait_until(polling.feed.fresh, within_s=5, what="a first answer")
    auth.away = True
    polling.ticks += HEARD_WITHIN_S

    silent = polling.feed.fresh()
    auth.away = False
    wait_until(polling.feed.fresh, within_s=5, what="another answer")

    assert not silent
    assert polling.feed.synced()


def test_the_delay_of_a_revocation_is_measured_from_the_start_on(auth: Auth, polling: Follower) -> None:
    """What happened before this process began delayed nobody, and neither does what takes nothing away."""
    auth.happens()
    before = delays()
    polling.background.start()
    polling.hears(1)
    old = delays()

    auth.happens(type="user.changed", session_id=None, reason="created")
    auth.happens(at="2026-11-22T07:59:59.500Z")
    polling.hears(1, 2, 3)
    new = delays()

    assert old == before
    assert new[0] - before[0] == 1
    assert new[1] - before[1] == pytest.approx(0.5)


def delays() -> tuple[float, float]:
    """Return how many delays were measured, and their sum."""
    return tuple(
        REGISTRY.get_sample_value(f"messages_revocation_delay_seconds_{each}") or 0.0 for each in ("count", "sum")
    )  # type: ignore[return-value]
