"""Notices on their way: only to services that may be called, signed, empty, tried again, and never in the way."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from realtime.notices import DUE_AFTER_S, MESSAGES_WAITING, WORTH_TELLING_S, Addressee, Notices
from realtime.push.post import ATTEMPTS, Notice, Outcome, PushPost
from realtime.push.services import PushServices, Refused
from realtime.timing import Timing
from servicekit.vapid import Vapid, VapidKey
from tests.support.push_service import PushService, running
from wire.events import Event
from wire.ids import OrganisationId, new_id
from wire.problems import Unavailable

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ORG = OrganisationId(new_id())
KEY = VapidKey.made()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    """Give a push service whose certificate is trusted."""
    with running(tmp_path) as started:
        monkeypatch.setenv("SSL_CERT_FILE", str(started.certificate))
        yield started


def post_to(*services: str, slept: list[float] | None = None) -> PushPost:
    """Return what takes notices to these services."""
    vapid = Vapid(KEY, contact="mailto:olga@harbor.example", clock=lambda: NOW)
    pauses: list[float] = [] if slept is None else slept
    return PushPost(vapid, PushServices(services), clock=lambda: NOW, sleep=pauses.append)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilpush.apple.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com/x#y",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://fcm.googleapis.com /x",
        "https://fcm.googleapis.com:nought/x",
        "file:///etc/passwd",
        "https://" + "a" * 3_000,
    ],
)
def test_what_is_no_push_service_is_never_called(endpoint: str) -> None:
    """Whoever names an address chooses whom we call: the list says who that may be."""
    services = PushServices()

    with pytest.raises(Refused):
        services.judge(endpoint)
    assert services.accepts(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/x",
        "https://updates.push.services.mozilla.com/wpush/v2/x",
        "https://web.push.apple.com/x",
        "https://db5p.notify.windows.com/w/?token=x",
    ],
)
def test_the_browsers_own_services_are_called(endpoint: str) -> None:
    """Chrome, Firefox, Safari and Edge, as they name themselves."""
    assert PushServices().accepts(endpoint) is None


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "100.64.0.1"]
)
def test_a_name_that_leads_inside_is_not_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name says when it is looked up, only a public address is called."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_more: found)

    assert post_to().send(Notice(endpoint="https://fcm.googleapis.com/x", urgent=False)) is Outcome.REFUSED


def test_a_notice_is_empty_signed_and_says_how_soon(service: PushService) -> None:
    """RFC 8030 and 8292: TTL, urgency, topic; a word of ours for this service, by the key browsers know."""
    post = post_to(service.origin)

    outcomes = [post.send(Notice(endpoint=f"{service.origin}/abc", urgent=urgent)) for urgent in (False, True)]
    post.close()

    assert outcomes == [Outcome.TAKEN, Outcome.TAKEN]
    plain, urgent = service.got
    assert (plain.path, plain.content) == ("/abc", b"")
    assert (plain.headers["urgency"], urgent.headers["urgency"]) == ("normal", "high")
    assert int(plain.headers["ttl"]) > 0
    word, key = plain.headers["authorization"].removeprefix("vapid t=").split(", k=")
    claims = jwt.decode(word, ECKey.import_key(KEY.jwk().as_dict(private=False)), algorithms=["ES256"]).claims
    assert key == KEY.public
    assert (claims["aud"], claims["sub"]) == (service.origin, "mailto:olga@harbor.example")
    assert 0 < claims["exp"] - NOW.timestamp() <= 24 * 3_600


@pytest.mark.parametrize(
    ("answers", "outcome", "calls"),
    [
        ([404], Outcome.GONE, 1),
        ([410], Outcome.GONE, 1),
        ([403], Outcome.REFUSED, 1),
        ([503, 201], Outcome.TAKEN, 2),
        ([429] * ATTEMPTS, Outcome.FAILED, ATTEMPTS),
    ],
)
def test_what_a_service_answers_is_understood(
    service: PushService, answers: list[int], outcome: Outcome, calls: int
) -> None:
    """Gone is for good, busy is tried again a few times, refused is not."""
    slept: list[float] = []
    service.answers = answers
    post = post_to(service.origin, slept=slept)

    assert post.send(Notice(endpoint=f"{service.origin}/abc", urgent=False)) is outcome
    post.close()

    assert (len(service.got), len(slept)) == (calls, calls - 1)


def test_a_certificate_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    """Without the setting that trusts it, the service is not spoken to."""
    with running(tmp_path) as stranger:
        post = post_to(stranger.origin)
        outcome = post.send(Notice(endpoint=f"{stranger.origin}/abc", urgent=False))
        post.close()

    assert outcome is Outcome.FAILED
    assert stranger.got == []


class Knows:
    """Stands in for conversations: tells each browser of each message, notes who is gone."""

    def __init__(self, endpoint: str = "https://evil.example/") -> None:
        self.endpoint = endpoint
        self.asked: list[str] = []
        self.forgotten: list[str] = []
        self.away = False

    def addressees(self, items: Sequence[Mapping[str, str]]) -> list[Addressee]:
        if self.away:
            raise Unavailable
        self.asked += [item["message_id"] for item in items]
        return [
            Addressee(subscription_id=item["message_id"], org=ORG, endpoint=self.endpoint, urgent=False)
            for item in items
        ]

    def gone(self, items: Sequence[Mapping[str, str]]) -> None:
        self.forgotten += [item["subscription_id"] for item in items]


def posted(message_id: str, kind: str = "message.posted") -> Event:
    """Return the event of a message."""
    body: dict[str, Any] = {"entry": {"message": {"id": message_id}}}
    return Event(event_id=new_id(), type=kind, org=ORG, audience=(), body=body)


def notices(knows: Knows, ticks: list[float], *services: str) -> Notices:
    """Return the notices of a gateway whose clock the test moves."""
    return Notices(knows, post_to(*services), Timing(clock=lambda: NOW, ticks=lambda: ticks[0]), plane="staff")


def test_a_message_is_asked_about_a_moment_later(service: PushService) -> None:
    """Not at once: whoever looks at it may have read it by then. An edit is nobody's news."""
    knows, ticks = Knows(), [0.0]
    told = notices(knows, ticks)
    told.note(posted("first"))
    told.note(posted("edit", "message.edited"))

    told.tell()
    asked_at_once = list(knows.asked)
    ticks[0] = DUE_AFTER_S
    told.tell()

    assert asked_at_once == []
    assert knows.asked == ["first"]
    assert service.got == []


def test_what_becomes_due_while_it_asks_waits_for_the_next_look() -> None:
    """Under load there is always one more: asking for each would be a call for every few messages."""
    knows = Knows()
    times = iter([0.0, 0.5, DUE_AFTER_S, *[DUE_AFTER_S + 1] * 10])
    told = Notices(knows, post_to(), Timing(clock=lambda: NOW, ticks=lambda: next(times)), plane="staff")
    told.note(posted("first"))
    told.note(posted("just after"))

    told.tell()

    assert knows.asked == ["first"]


def test_while_conversations_is_away_it_is_asked_again_for_ten_minutes() -> None:
    """Then nobody wants to be told any more."""
    knows, ticks = Knows(), [0.0]
    told = notices(knows, ticks)
    knows.away = True
    told.note(posted("old"))
    ticks[0] = WORTH_TELLING_S - 1
    told.note(posted("new"))
    ticks[0] += 2 + DUE_AFTER_S
    told.tell()
    knows.away = False
    told.tell()

    assert knows.asked == ["new"]


def test_what_waits_is_bounded() -> None:
    """The oldest make room."""
    knows, ticks = Knows(), [0.0]
    told = notices(knows, ticks)
    for number in range(MESSAGES_WAITING + 3):
        told.note(posted(str(number)))
    ticks[0] = DUE_AFTER_S
    told.tell()

    assert len(knows.asked) == MESSAGES_WAITING
    assert knows.asked[0] == "3"


def test_a_browser_that_is_gone_is_forgotten(service: PushService) -> None:
    """Conversations is told by the next round."""
    knows, ticks = Knows(f"{service.origin}/abc"), [0.0]
    told = notices(knows, ticks, service.origin)
    service.answers = [410]
    told.note(posted("first"))
    ticks[0] = DUE_AFTER_S
    told.tell()
    told.settle()
    told.tell()

    assert knows.forgotten == ["first"]


@pytest.mark.parametrize(
    "text", ["", "short", "!" * 43, VapidKey.made().private[:-4], "-----BEGIN PRIVATE KEY-----\nx"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    """With a sentence that does not repeat it."""
    with pytest.raises(ValueError, match="not"):
        VapidKey.read(text)


def test_a_key_is_read_as_it_was_printed() -> None:
    """Its public half is the one browsers subscribe with: 65 bytes, uncompressed."""
    again = VapidKey.read(KEY.private)

    assert again.public == KEY.public
    assert len(again.public) == 87
    assert KEY.private not in repr(again)
