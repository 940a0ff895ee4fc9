"""What the other services read and hear: the log of changes, the accounts, the broker's exchange."""

import queue
import threading

import orjson
import pytest

from servicekit.exchange import Binding, ExchangeUnavailable, Message
from servicekit.inprocess import InProcessExchange, InProcessPublisher
from tests.unit.auth.desk import Desk, bearer, body
from wire.changes import Account, Change
from wire.demo import ADA, HARBOR, MARIA, NORA, OLGA, PATIENT_LEO, PATIENT_MARIA


def test_positions_follow_each_other_without_a_hole(desk: Desk) -> None:
    """Sign-outs and changes of people share one count, read in pages or at once."""
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    begin = desk.head()
    for number in range(6):
        granted = desk.signed_in("nora@harbor.example")
        desk.http.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})
        desk.api("PATCH", f"/users/{ADA}", olga, json={"name": f"Ada {number}"})

    first = desk.inside(f"/inside/changes?after={begin}&limit=5")
    rest = desk.inside(f"/inside/changes?after={first['position']}")

    positions = [item["position"] for item in first["items"] + rest["items"]]
    assert len(first["items"]) == 5
    assert positions == list(range(begin + 1, begin + 13))
    assert rest["position"] == begin + 12


def test_every_change_reads_as_wire_says(desk: Desk) -> None:
    """From and to the shared form without loss."""
    granted = desk.signed_in("nora@harbor.example")
    desk.http.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})

    items = desk.changes()

    assert [Change.from_dict(item).as_dict() for item in items] == items
    assert {item["type"] for item in items} == {"session.revoked", "user.changed"}


def test_a_reader_that_is_up_to_date_gets_nothing_and_keeps_its_position(desk: Desk) -> None:
    """Also one that claims to be ahead."""
    head = desk.head()

    present, ahead = desk.inside(f"/inside/changes?after={head}"), desk.inside("/inside/changes?after=9999")

    assert present == {"items": [], "position": head}
    assert ahead == {"items": [], "position": 9999}


def test_a_reader_that_begins_hears_the_last_quarter_of_an_hour(desk: Desk) -> None:
    """Longer than any access token lives, so no revocation that matters is missed."""
    desk.clock.passes(minutes=16)
    granted = desk.signed_in("nora@harbor.example")
    desk.http.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})
    desk.clock.passes(minutes=14)

    begun = desk.inside("/inside/changes")

    assert [item["reason"] for item in begun["items"]] == ["signed_out"]
    assert begun["position"] == begun["items"][-1]["position"]


def test_the_accounts_are_read_in_pages_with_the_position_to_go_on_from(desk: Desk) -> None:
    """All organisations, both kinds, without e-mail addresses or passwords."""
    found = []
    path = "/inside/accounts?limit=4"
    position = desk.head()
    while path:
        page = desk.inside(path)
        assert page["position"] == position
        found += page["items"]
        path = f"/inside/accounts?limit=4&after={page['next']}" if page["next"] else ""

    maria = next(account for account in found if account["id"] == MARIA)
    assert len(found) == 9
    assert [Account.from_dict(account).as_dict() for account in found] == found
    assert (maria["kind"], maria["patients"], maria["org_name"]) == (
        "patient",
        [PATIENT_MARIA, PATIENT_LEO],
        "Harbor Clinic",
    )
    assert not {"email", "password_hash"} & set(maria)


@pytest.mark.parametrize(
    "path",
    [
        "/inside/changes?after=-1",
        "/inside/changes?after=x",
        "/inside/changes?limit=0",
        "/inside/changes?limit=1000000",
        "/inside/changes?after=99999999999999999999",
        "/inside/accounts?after=nonsense",
        "/inside/accounts?limit=no",
    ],
)
def test_a_senseless_question_is_refused(desk: Desk, path: str) -> None:
    """422 with the field's name."""
    answer = desk.http.get(path, headers=bearer(desk.service_token()))

    assert (answer.status_code, body(answer)["code"]) == (422, "invalid")


def test_the_inside_doors_open_for_our_services_only(desk: Desk) -> None:
    """No person's token opens them, an administrator's neither; all three services' do."""
    people = [
        desk.signed_in("olga@harbor.example")["access_token"],
        desk.signed_in("ada@patients.example", "portal")["access_token"],
    ]
    services = [desk.service_token(client) for client in ("staff-gateway", "portal-gateway", "conversations")]

    statuses = [desk.http.get("/inside/changes", headers=bearer(token)).status_code for token in people + services]

    assert statuses == [401, 401, 200, 200, 200]


def test_a_services_token_says_who_calls_and_nothing_about_people(desk: Desk) -> None:
    """RFC 9068 for client_credentials: subject and client are the service."""
    answer = desk.token(client="conversations", grant_type="client_credentials", audience="services")

    claims = desk.claims(body(answer)["access_token"])
    assert (claims["aud"], claims["sub"], claims["client_id"]) == ("services", "conversations", "conversations")
    assert not {"sid", "org", "name", "permissions", "patients"} & set(claims)
    assert "refresh_token" not in body(answer)


@pytest.mark.parametrize(
    ("more", "error"), [({"audience": "staff"}, "invalid_request"), ({"scope": "openid"}, "invalid_scope")]
)
def test_a_service_gets_no_other_token_than_that(desk: Desk, more: dict[str, str], error: str) -> None:
    """Not for a person's audience, not with a scope."""
    answer = desk.token(client="conversations", grant_type="client_credentials", **more)

    assert body(answer)["error"] == error


def test_a_change_is_on_the_broker_right_after_its_commit(desk: Desk) -> None:
    """Exchange auth.events, routing key organisation and type, the very change the list shows."""
    heard: queue.Queue[Message] = queue.Queue()
    listening = desk.exchange.subscribe([Binding(exchange="auth.events", pattern="#")], on_message=heard.put)
    desk.composed.background.start()
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    before = desk.head()

    desk.api("POST", f"/users/{NORA}/sign-out", olga)

    message = heard.get(timeout=10)
    assert (message.routing_key, message.type) == (f"{HARBOR}.user.changed", "user.changed")
    assert orjson.loads(message.body) == desk.changes(after=before)[0]
    listening.close()
    desk.composed.background.stop()


def test_a_silent_broker_harms_nobody(desk: Desk) -> None:
    """What cannot be published is dropped; calls answer, the list tells all, the loop goes on."""
    from auth.announce import Announcer  # noqa: PLC0415 - only here
    from servicekit.background import Stop  # noqa: PLC0415 - only here

    heard: queue.Queue[Message] = queue.Queue()
    exchange = BrokenAtFirst(heard)
    announcer, stop = Announcer(exchange), Stop()
    loop = threading.Thread(target=announcer.run, args=(stop,))
    loop.start()
    changes = [Change.from_dict(item) for item in desk.changes()]

    announcer.announce(changes[0])
    exchange.refused.wait(10)
    announcer.announce(changes[1])

    assert orjson.loads(heard.get(timeout=10).body)["position"] == changes[1].position
    stop.set()
    announcer.wake()
    loop.join(10)


def test_announcing_never_waits_however_much_is_queued(desk: Desk) -> None:
    """Nobody publishes, thousands of changes come: the newest are dropped, the door is not held up."""
    from auth.announce import Announcer  # noqa: PLC0415 - only here

    announcer = Announcer(InProcessExchange())
    change = Change.from_dict(desk.changes()[0])

    for _ in range(5_000):
        announcer.announce(change)
    announcer.wake()

    assert desk.signed_in("olga@harbor.example")
    assert change.user is not None
    assert change.user.id != OLGA


class BrokenAtFirst(InProcessExchange):
    """An exchange whose publisher is refused once."""

    def __init__(self, heard: "queue.Queue[Message]") -> None:
        super().__init__()
        self.refused = threading.Event()
        self.subscribe([Binding(exchange="auth.events", pattern="#")], on_message=heard.put)

    def publisher(self) -> InProcessPublisher:
        return _RefusedOnce(self)


class _RefusedOnce(InProcessPublisher):
    def __init__(self, exchange: BrokenAtFirst) -> None:
        super().__init__(exchange)
        self._at = exchange

    def publish(self, messages: object) -> None:
        if not self._at.refused.is_set():
            self._at.refused.set()
            raise ExchangeUnavailable
        super().publish(messages)  # type: ignore[arg-type] # whatever was given
