"""What PostgreSQL refuses while a batch is stored: tried again where a race was lost, else told as `unavailable`."""

import pytest
from sqlalchemy import text

from conversations.model import Ask
from conversations.service.desk import again_after_a_lost_race
from conversations.store import posts_postgres
from servicekit import database
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
from tests.support.ports import wait_until
from tests.support.postgres import Database
from wire.ids import new_id
from wire.problems import Unavailable

REFUSES = """
CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.attempts') <= {times} THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = '{state}';
    END IF;
    RETURN NULL;
END
$$
"""
DEADLOCK, DISK_FULL = "40P01", "53100"


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora")


@pytest.fixture
def talk(house: Inside, nora: Somebody) -> str:
    """Give her conversation with a doctor."""
    return str(nora.opens("direct", participant_ids=[house.staff("Dmitri").id]).json["id"])


def test_a_batch_that_lost_a_deadlock_is_stored_at_the_second_attempt(
    made: Database, nora: Somebody, talk: str
) -> None:
    """Its author hears of nothing; the message stands there once."""
    _refuses(made, DEADLOCK, times=1)

    result = nora.posts(talk, "after all")

    assert result["status"] == 201
    assert [entry["message"]["body"] for entry in nora.timeline(talk)["items"] if "message" in entry] == ["after all"]


@pytest.mark.parametrize(("state", "attempts"), [(DEADLOCK, 2), (DISK_FULL, 1)])
def test_a_database_that_cannot_store_is_unavailable(
    made: Database, house: Inside, nora: Somebody, talk: str, state: str, attempts: int
) -> None:
    """A full disk, and a race lost twice, are nothing unforeseen: the gateway repeats the batch later."""
    _refuses(made, state, times=1_000)

    answer = house.call("POST", "/sends", {"items": [nora.item(talk, "no room")]}, headers=house.service("staff"))

    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert made.ask("SELECT last_value FROM attempts") == [(attempts,)]


@pytest.mark.parametrize("asks", ["plainly", "as the batch does"])
def test_a_process_that_was_stopped_in_the_middle_is_told_unavailable(made: Database, asks: str) -> None:
    """PostgreSQL ended its transaction meanwhile, so that others got the locks: nothing unforeseen either."""
    service = database.engine(made.url("conversations"))
    ask = Ask(conversation_id=new_id(), author_id=new_id(), client_message_id=new_id(), reply_to=None)

    def goes_on() -> None:
        with transaction(service) as connection:
            connection.execute(text("SET idle_in_transaction_session_timeout = '50ms'"))
            ended = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
            wait_until(lambda: made.ask(ended, "conversations") == [(0,)], within_s=5, what="the session's end")
            if asks == "plainly":
                connection.execute(text("SELECT 1"))
            else:
                posts_postgres.facts(connection, new_id(), [ask])

    with pytest.raises(Unavailable):
        again_after_a_lost_race(goes_on)
    service.dispose()


def _refuses(made: Database, state: str, *, times: int) -> None:
    made.ask("CREATE SEQUENCE attempts")
    made.ask(REFUSES.format(times=times, state=state))
    made.ask("CREATE TRIGGER refuses AFTER INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION refuses()")
