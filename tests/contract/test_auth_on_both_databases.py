"""Auth keeps its promises on PostgreSQL and on SQLite alike, also when many call at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from auth.app import compose, prepare
from auth.settings import Settings
from servicekit.composed import Composed
from servicekit.inprocess import InProcessExchange
from tests.support.postgres import Database
from tests.unit.auth.desk import SECRETS, Desk, body, code_in
from wire.demo import NORA, OLGA

T = TypeVar("T")
AT_ONCE = 8
ENDED = """
CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ended' USING ERRCODE = '25P03';
END
$$
"""
"""What is said to a transaction in which nothing was asked for too long, its process having been stopped."""


class RealTimeDesk(Desk):
    """A desk on a database given by its address, by the real clock."""

    def __init__(self, database_url: str) -> None:
        self.settings = Settings(
            public_origin="http://localhost:8080",
            database_url=database_url,
            secret="the secret of this test desk only, no other",
            staff_gateway_secret=SECRETS["staff-gateway"],
            portal_gateway_secret=SECRETS["portal-gateway"],
            conversations_secret=SECRETS["conversations"],
            password_grant=True,
            demo=True,
        )
        prepare(self.settings)
        self.hashed = 0
        self.exchange = InProcessExchange()
        self.composed: Composed = compose(self.settings, exchange=self.exchange)
        self.http = self.browser()


@pytest.fixture(params=["postgresql", "sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealTimeDesk]:
    """Give the service on each database in turn."""
    sqlite = f"sqlite:///{tmp_path / 'auth.db'}"
    made = RealTimeDesk(sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield made
    made.composed.background.start()
    made.composed.background.stop()


def at_once(work: Callable[[int], T], times: int = AT_ONCE) -> list[T]:
    """Do the work several times at the same time."""
    with ThreadPoolExecutor(times) as crew:
        return list(crew.map(work, range(times)))


def test_positions_have_no_hole_and_appear_in_order_whoever_writes(desk: RealTimeDesk) -> None:
    """Eight sign out again and again while somebody polls: the reader never sees a later change before an earlier."""
    begin = desk.head()
    token = desk.service_token()
    reader = desk.browser()
    seen: list[int] = []

    def sign_in_and_out(_number: int) -> None:
        browser = desk.browser()
        for _ in range(4):
            granted = _password(browser, "rosa@harbor.example")
            browser.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})

    with ThreadPoolExecutor(AT_ONCE) as crew:
        writers = [crew.submit(sign_in_and_out, number) for number in range(AT_ONCE)]
        while len(seen) < 4 * AT_ONCE:
            failed = [writer for writer in writers if writer.done() and writer.exception()]
            assert not failed, failed[0].exception()
            after = seen[-1] if seen else begin
            headers = {"Authorization": f"Bearer {token}"}
            recent = body(reader.get("/inside/changes", headers=headers))
            assert recent["position"] == recent["items"][-1]["position"]
            page = body(reader.get(f"/inside/changes?after={after}", headers=headers))
            seen += [item["position"] for item in page["items"]]

    assert seen == list(range(begin + 1, begin + 1 + 4 * AT_ONCE))


def test_a_refresh_token_used_by_many_at_once_is_good_once_at_most(desk: RealTimeDesk) -> None:
    """All but one are reuse, and reuse ends the session: also what the one got is worth nothing."""
    granted = desk.signed_in("nora@harbor.example")
    form = {"grant_type": "refresh_token", "client_id": "messages-cli", "refresh_token": granted["refresh_token"]}

    answers = at_once(lambda _: desk.browser().post("/auth/token", data=form))

    good = [body(answer) for answer in answers if answer.status_code == 200]
    assert [answer.status_code for answer in answers if answer.status_code not in {200, 400}] == []
    assert len(good) == 1
    assert desk.refresh(good[0]["refresh_token"]).status_code == 400


def test_a_code_redeemed_by_many_at_once_opens_one_session_that_ends(desk: RealTimeDesk) -> None:
    """Nobody gets two sessions from one code, and a code in two hands is good for none."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))

    answers = at_once(lambda _: desk.redeem(code))

    good = [body(answer) for answer in answers if answer.status_code == 200]
    assert [answer.status_code for answer in answers if answer.status_code not in {200, 400}] == []
    assert len(good) == 1
    assert desk.refresh(good[0]["refresh_token"], client="staff-gateway").status_code == 400


def test_a_gateways_refresh_token_may_be_used_by_many_at_once(desk: RealTimeDesk) -> None:
    """Replicas, tabs and sockets do."""
    _, granted = desk.gateway_session("nora@harbor.example")

    answers = at_once(lambda _: desk.refresh(granted["refresh_token"], client="staff-gateway"))

    assert [answer.status_code for answer in answers] == [200] * AT_ONCE


def test_many_guesses_at_once_are_no_more_than_five(desk: RealTimeDesk) -> None:
    """The right one among them helps only if it was among the first; afterwards the address is locked."""
    at_once(lambda number: desk.password("nora@harbor.example", f"guess {number}"))

    answer = desk.password("nora@harbor.example")

    assert answer.status_code == 400


def test_the_same_person_may_sign_in_many_times_at_once(desk: RealTimeDesk) -> None:
    """Right passwords never lock anybody."""
    answers = at_once(lambda _: desk.password("nora@harbor.example"))

    assert [answer.status_code for answer in answers] == [200] * AT_ONCE


def test_no_token_outlives_a_deactivation_that_came_in_between(desk: RealTimeDesk) -> None:
    """Whoever refreshes in that very moment gets nothing, or a token from before the cut."""
    granted = [desk.gateway_session("nora@harbor.example")[1]["refresh_token"] for _ in range(3)]
    olga = desk.signed_in("olga@harbor.example")["access_token"]

    def work(number: int) -> list[str]:
        if number == 0:
            assert desk.api("PATCH", f"/users/{NORA}", olga, json={"active": False}).status_code == 200
            return []
        refreshed = [desk.refresh(granted[number % 3], client="staff-gateway") for _ in range(10)]
        return [body(answer)["access_token"] for answer in refreshed if answer.status_code == 200]

    tokens = [token for got in at_once(work) for token in got]

    cut = next(change["tokens_before"] for change in desk.changes() if change["reason"] == "deactivated")
    assert all(desk.claims(token)["iat"] <= cut for token in tokens)


def test_only_one_makes_the_account_of_an_address(desk: RealTimeDesk) -> None:
    """All others are told of the conflict, and one change is on the record."""
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    before = desk.head()

    answers = at_once(lambda _: desk.api("POST", "/users", olga, json={"email": "new@x.example", "name": "New"}))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert len(desk.changes(after=before)) == 1


def test_preparing_again_changes_nothing(desk: RealTimeDesk) -> None:
    """A second start makes nobody again and tells nobody anything."""
    before = desk.head()

    prepare(desk.settings)

    assert desk.head() == before


@pytest.mark.parametrize(
    "spelled", ["nora@harbor.example\x00", "\x00", "%", "n" * 10_000, "\N{GRINNING FACE}@x.example"]
)
def test_odd_text_is_refused_and_nothing_breaks(desk: RealTimeDesk, spelled: str) -> None:
    """What PostgreSQL cannot even store is a wrong sign-in like any other."""
    answer = desk.password(spelled, spelled)

    assert (answer.status_code, body(answer)["error"]) == (400, "invalid_grant")


def test_whoever_was_stopped_in_the_middle_is_told_unavailable(postgres_database: Database) -> None:
    """PostgreSQL ended the transaction meanwhile: nothing unforeseen, the same call may be made again."""
    desk = RealTimeDesk(postgres_database.url())
    postgres_database.ask(ENDED)
    postgres_database.ask("CREATE TRIGGER ended BEFORE INSERT ON sessions EXECUTE FUNCTION ended()")

    answer = desk.password("nora@harbor.example")

    assert (answer.status_code, body(answer)["code"]) == (503, "unavailable")
    desk.composed.background.start()
    desk.composed.background.stop()


def test_people_are_listed_in_pages_on_both(desk: RealTimeDesk) -> None:
    """Ids are ordered the same way by both databases."""
    olga = desk.signed_in("olga@harbor.example")["access_token"]

    first = body(desk.api("GET", "/users?limit=5", olga))
    rest = body(desk.api("GET", f"/users?limit=5&cursor={first['next_cursor']}", olga))

    ids = [user["id"] for user in first["items"] + rest["items"]]
    assert ids == sorted(ids)
    assert OLGA in ids
    assert rest["next_cursor"] is None


def _password(browser: object, email: str) -> dict[str, str]:
    form = {"grant_type": "password", "client_id": "messages-cli", "audience": "staff", "username": email}
    answer = browser.post("/auth/token", data=form | {"password": "messages-demo"})  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())
