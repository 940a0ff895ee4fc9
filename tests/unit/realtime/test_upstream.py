"""The calls to conversations: bounded, repeated once where that is safe, and always an answer or a Problem."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from realtime.lane import Lane
from realtime.upstream import Stored, Upstream
from servicekit.tokens import ServiceToken
from tests.unit.realtime.stage import DMITRI, NORA, WARD, entry
from wire.ids import OrganisationId
from wire.problems import Conflict, Invalid, NotFound, Problem, Unauthenticated, Unavailable

Answers = Callable[[httpx.Request], httpx.Response]
ORGANISATION = OrganisationId("01930000-0000-7000-8000-000000000001")
OK = {"results": [{"status": 201, "entry": entry(1)}]}


class Service:
    """Conversations and auth, answering from a list; what is asked is kept."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.tokens = 0
        auth = httpx.Client(base_url="http://auth", transport=httpx.MockTransport(self._token))
        token = ServiceToken(auth, client_id="staff-gateway", secret="s" * 16, clock=lambda: datetime.now(UTC))
        self.upstream = Upstream("http://conversations", token, transport=httpx.MockTransport(self._answer))

    def _token(self, _call: httpx.Request) -> httpx.Response:
        self.tokens += 1
        return httpx.Response(200, json={"access_token": f"service-{self.tokens}", "expires_in": 600})

    def _answer(self, call: httpx.Request) -> httpx.Response:
        self.asked.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def problem(refused: Problem) -> httpx.Response:
    """Return the answer that carries a refusal."""
    return httpx.Response(refused.status, json=refused.as_dict())


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("no"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
        httpx.Response(502, text="<html>"),
        problem(Unavailable()),
        problem(Problem()),
    ],
)
def test_a_batch_that_went_wrong_on_the_way_is_repeated_once(trouble: httpx.Response | Exception) -> None:
    """Safe, because every item has its client id."""
    service = Service(trouble, httpx.Response(200, json=OK))

    [result] = service.upstream.sends([{"body": "x"}])

    assert isinstance(result, Stored)
    assert [orjson.loads(call.content) for call in service.asked] == [{"items": [{"body": "x"}]}] * 2


@pytest.mark.parametrize("trouble", [httpx.ConnectError("no"), httpx.Response(500), httpx.Response(200, text="huh")])
def test_what_goes_wrong_twice_is_unavailable(trouble: httpx.Response | Exception) -> None:
    """And nothing else: callers know one exception family."""
    service = Service(trouble, trouble)

    with pytest.raises(Problem) as refused:
        service.upstream.sends([{"body": "x"}])

    assert refused.value.status >= 500


def test_an_answer_with_another_number_of_results_is_none() -> None:
    """Nobody could tell whose result is whose."""
    service = Service(httpx.Response(200, json=OK))

    with pytest.raises(Unavailable):
        service.upstream.sends([{"body": "x"}, {"body": "y"}])


def test_a_refusal_of_the_whole_call_is_not_repeated() -> None:
    """It would be refused again."""
    service = Service(problem(Invalid()))

    with pytest.raises(Invalid):
        service.upstream.sends([{"body": "x"}])

    assert len(service.asked) == 1


def test_each_item_has_its_own_result() -> None:
    """Stored now, stored before, refused."""
    results = [
        {"status": 201, "entry": entry(1)},
        {"status": 200, "entry": entry(1)},
        {"problem": Conflict().as_dict()},
    ]
    service = Service(httpx.Response(200, json={"results": results}))

    first, again, refused = service.upstream.sends([{}, {}, {}])

    assert isinstance(first, Stored)
    assert isinstance(again, Stored)
    assert (first.status, again.status) == (201, 200)
    assert isinstance(refused, Conflict)


def test_a_refused_token_of_ours_is_replaced_and_the_call_repeated() -> None:
    """Auth's keys may have turned while it was kept."""
    service = Service(problem(Unauthenticated()), httpx.Response(200, json=OK))

    service.upstream.sends([{}])

    assert [call.headers["Authorization"] for call in service.asked] == ["Bearer service-1", "Bearer service-2"]


def test_a_refused_token_of_the_users_is_told() -> None:
    """After a second try with a fresh one of ours, because either may be meant."""
    service = Service(problem(Unauthenticated()), problem(Unauthenticated()))

    with pytest.raises(Unauthenticated):
        service.upstream.catch_up("noras", {WARD: {"shared": 1}}, "head")

    assert [call.headers["X-User-Token"] for call in service.asked] == ["noras", "noras"]


def test_marks_and_typing_go_to_their_doors() -> None:
    """With the user's own token where one is needed."""
    refused = {"results": [{"ok": True}, {"problem": NotFound().as_dict()}]}
    service = Service(httpx.Response(200, json=refused), httpx.Response(204))

    told = service.upstream.marks([{}, {}])
    service.upstream.typing("noras", WARD, "shared", active=True)

    assert told[0] is None
    assert isinstance(told[1], NotFound)
    assert [call.url.path for call in service.asked] == ["/marks", "/typing"]


def test_how_much_there_is_for_people_is_asked_in_the_gateways_own_name() -> None:
    """No user's token goes along; whoever takes part in nothing is left out."""
    item = {"user_id": NORA, "conversations": 2, "entries": 40, "more": "later"}
    service = Service(httpx.Response(200, json={"items": [item]}))

    told = service.upstream.tallies([(ORGANISATION, NORA), (ORGANISATION, DMITRI)])

    [asked] = service.asked
    assert told == {NORA: (2, 40)}
    assert asked.url.path == "/tallies"
    assert "X-User-Token" not in asked.headers
    assert orjson.loads(asked.content) == {
        "items": [{"org": ORGANISATION, "user_id": NORA}, {"org": ORGANISATION, "user_id": DMITRI}]
    }


CAUGHT_UP = {"entries": [], "heads": {WARD: {"shared": 1}}, "resets": [], "gone": []}


def test_one_call_brings_what_was_missed_and_who_it_is() -> None:
    """All that a hello needs."""
    service = Service(httpx.Response(200, json=CAUGHT_UP | {"me": {"unread_total": 1}}))

    caught_up = service.upstream.catch_up("noras", {}, "head", with_me=True)

    assert (caught_up.me, caught_up.heads) == ({"unread_total": 1}, {WARD: {"shared": 1}})
    assert [call.url.path for call in service.asked] == ["/catch-up"]


def test_an_older_conversations_service_is_asked_who_it_is() -> None:
    """While one release replaces the other, a gateway may be the newer one."""
    service = Service(httpx.Response(200, json=CAUGHT_UP), httpx.Response(200, json={"unread_total": 1}))

    caught_up = service.upstream.catch_up("noras", {}, "head", with_me=True)

    assert caught_up.me == {"unread_total": 1}
    assert [call.url.path for call in service.asked] == ["/catch-up", "/me"]


class OneAnswerServer:
    """A server that answers one call a connection and then closes it unasked, as one with a short keep-alive does."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        self.heard: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                self.heard.append(line.recv(65_536))
                line.sendall(self.answer)


@pytest.fixture
def servers() -> Iterator[Callable[..., OneAnswerServer]]:
    """Give servers that are closed in the end."""
    opened: list[OneAnswerServer] = []

    def serve(*told: Any) -> OneAnswerServer:  # noqa: ANN401 - passed on
        opened.append(OneAnswerServer(*told))
        return opened[-1]

    yield serve
    for server in opened:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()


def test_a_lane_whose_connection_died_unseen_starts_a_fresh_one(servers: Callable[..., OneAnswerServer]) -> None:
    """Unavailable at most once; the repeat goes through."""
    server = servers()
    lane = Lane(server.address)
    first = lane.post("/sends", b"[1]", {"Authorization": "Bearer x"})

    with pytest.raises(Unavailable):
        lane.post("/sends", b"[2]", {})
    again = lane.post("/sends", b"[2]", {})
    lane.close()

    assert (first, again) == (b"{}", b"{}")
    assert server.heard[0].startswith(b"POST /sends HTTP/1.1\r\n")
    assert b"Authorization: Bearer x\r\n" in server.heard[0]
    assert len(server.heard) == 2


def test_a_lane_brings_refusals_through(servers: Callable[..., OneAnswerServer]) -> None:
    """As what they are; an answer above 499 without a problem means the service is away."""
    refusing = Lane(servers(422, orjson.dumps(Invalid().as_dict())).address)
    broken = Lane(servers(502, b"<html>").address)

    with pytest.raises(Invalid):
        refusing.post("/sends", b"", {})
    with pytest.raises(Unavailable):
        broken.post("/sends", b"", {})
    refusing.close()
    broken.close()


def test_a_lane_to_nowhere_is_unavailable() -> None:
    """Quickly, and as often as it is tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    lane = Lane(f"http://127.0.0.1:{port}")

    for _ in range(2):
        with pytest.raises(Unavailable):
            lane.post("/sends", b"", {})
