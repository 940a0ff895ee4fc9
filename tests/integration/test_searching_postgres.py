"""Searching on PostgreSQL, as its service's role: the same words as on SQLite, behind the fence, by their index."""

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from conversations.indexing import Indexing
from conversations.store import fence, searching
from servicekit import database
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
from tests.support.ports import wait_until
from tests.support.postgres import Database, PostgresServer
from tests.support.seeking import BITS, seeks
from wire.ids import new_id
from wire.permissions import Permission
from wire.words import folded

ORDER = (
    "INSERT INTO organisations (id, name) VALUES (:org, 'Harbor')",
    "INSERT INTO accounts (id, org, kind, name) VALUES (:me, :org, 'staff', 'Nora')",
    (
        "INSERT INTO conversations (id, org, kind, status, opened_by, shared_at, created_at) "
        "VALUES (:talk, :org, 'group', 'open', :me, now(), now())"
    ),
    (
        "INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body, "
        "ask_acknowledgement, posted_at) "
        "VALUES (:me, :org, :talk, 'shared', 1, :me, :me, '', 'Two MAÑANA', false, now())"
    ),
)

WAITED_FOR = "SELECT pid FROM pg_locks WHERE relation = 'messages'::regclass AND NOT granted"

WAITS_ITS_TURN = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_search_finds_what_a_plain_look_through_everything_finds(house: Inside) -> None:
    """Random talk, edits, recalls, joins and leaves: found is what the reader's timelines show and no more."""
    seeks(house, examples=8)


def test_postgresql_folds_words_as_we_do(house: Inside) -> None:
    """Whatever somebody writes, in any script: both take it for the same words."""
    with transaction(house.owner) as connection:

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
        @given(written=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40) | _mixed())
        def are_the_same(written: str) -> None:
            said = connection.execute(text("SELECT folded(:written)"), {"written": written}).scalar()
            assert said == folded(written)

        are_the_same()


def _mixed() -> st.SearchStrategy[str]:
    words = st.sampled_from(
        (*BITS, "ß", "ΣΑΣ", "ÀÉÎÕÜ", "Ñandú", "x" * 200, "Ⅻ", "½", "ｆｕｌｌ", "שָׁלוֹם", "مَرْحَبًا", "हिन्दी", "ЁЖ")
    )
    return st.lists(words, max_size=6).map(" ".join)


def test_a_word_that_thousands_have_is_found_newest_first_and_only_where_one_takes_part(
    house: Inside, made: Database
) -> None:
    """More than are looked at one by one: others' messages fill the index, and one's own come all the same."""
    nora, dmitri, rosa = (house.staff(name, Permission.CREATE_GROUP) for name in ("Nora", "Dmitri", "Rosa"))
    theirs = nora.opens("direct", participant_ids=[dmitri.id]).json["id"]
    ours = str(nora.opens("direct", participant_ids=[rosa.id]).json["id"])
    rosa.posts(ours, "given first")
    for _ in range(45):
        house.sends([dmitri.item(theirs, "given at eight") for _ in range(50)])
    _gathers(made)
    rosa.posts(ours, "given last, at eight")

    assert _finds(rosa, "given") == ["given last, at eight", "given first"]
    assert _finds(rosa, '"given last"') == ["given last, at eight"]
    assert _finds(nora, "giv")[:2] == ["given last, at eight", "given at eight"]


def test_a_word_that_thousands_have_elsewhere_is_found_here(house: Inside, made: Database) -> None:
    """Another clinic's messages fill what the index is looked into first; one's own are found all the same."""
    far, nora, dmitri = house.staff("Fay", org=new_id()), house.staff("Nora"), house.staff("Dmitri")
    theirs = far.opens("direct", participant_ids=[house.staff("Gil", org=far.org).id]).json["id"]
    for _ in range(45):
        house.sends([far.item(theirs, "given at eight") for _ in range(50)])
    ours = str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])
    dmitri.posts(ours, "given here")
    _gathers(made)
    service = database.engine(made.url("conversations"))

    with transaction(service) as connection:
        given = {}
        for org in (far.org, nora.org):
            fence.enter(connection, org)
            given[org] = connection.execute(text("SELECT * FROM find_few('given'::tsquery, 2000)")).scalars().all()
    service.dispose()

    assert given[far.org] == [None]
    assert len(given[nora.org]) == 1
    assert _finds(nora, "given") == ["given here"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("given", None),
        ("'giv':*", None),
        ("given & eight", 2_000),
        ("given & rare", 5),
        ("given & 'rar':*", 5),
        ("rare", 5),
    ],
)
def test_nothing_is_left_out_of_what_few_messages_have(
    house: Inside, made: Database, asked: str, found: int | None
) -> None:
    """A sample tells that a word is common; it never stands for all that a search finds, also of two common words."""
    org, fill = house.org, "INSERT INTO searchable (message_id, org, words) SELECT gen_random_uuid(), :org, "
    with transaction(house.owner) as connection:
        fence.enter(connection, org)
        for words, count in (("'given eight'", 60_000), ("'given rare'", 5)):
            rows = f"array_to_tsvector(string_to_array({words}, ' ')) FROM generate_series(1, :count)"
            connection.execute(text(fill + rows), {"org": org, "count": count})
    service = database.engine(made.url("conversations"))

    with transaction(service) as connection:
        fence.enter(connection, org)
        few = text("SELECT * FROM find_few(CAST(:asked AS tsquery), 2000)")
        ids = connection.execute(few, {"asked": asked}).scalars().all()
    service.dispose()

    assert (ids == [None]) if found is None else (len(ids) == found and None not in ids)


def test_the_finder_uses_the_index_and_all_others_are_fenced_in(house: Inside, made: Database) -> None:
    """Under row-level security no plan of anybody else's could use it."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    nora.posts(nora.opens("direct", participant_ids=[dmitri.id]).json["id"], "tablets")
    _gathers(made)
    query = "SELECT message_id FROM searchable WHERE words @@ 'tablets'::tsquery"
    plans, counts = {}, {}

    for role in ("finder", "messages_owner"):
        with psycopg.connect(made.dsn("messages_owner")) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            connection.execute("SET enable_seqscan = off")
            plans[role] = str(connection.execute(f"EXPLAIN {query}".encode()).fetchall())
            counts[role] = len(connection.execute(query.encode()).fetchall())

    assert "ix_searchable_words" in plans["finder"]
    assert "ix_searchable_words" not in plans["messages_owner"]
    assert counts == {"finder": 1, "messages_owner": 0}


@pytest.mark.parametrize("finds", ["find_few", "find_words"])
def test_the_finder_stays_within_the_organisation(house: Inside, made: Database, finds: str) -> None:
    """It runs as a role that no fence holds: it looks at `app.org` itself, and finds nothing without."""
    nora, far = house.staff("Nora"), house.staff("Fay", org=new_id())
    mate = house.staff("Gil", org=far.org)
    talk = far.opens("direct", participant_ids=[mate.id]).json["id"]
    far.posts(talk, "tablets")
    _gathers(made)
    service = database.engine(made.url("conversations"))

    with transaction(service) as connection:
        found = {}
        for org in (nora.org, far.org, ""):
            fence.enter(connection, org)
            asked = text(f"SELECT count(*) FROM {finds}('tablets'::tsquery, 10)")  # noqa: S608 - one of ours
            found[org] = connection.execute(asked).scalar()
    service.dispose()

    assert found == {nora.org: 0, far.org: 1, "": 0}


def test_what_was_written_before_is_found_after_the_upgrade(postgres_server: PostgresServer) -> None:
    """The migrations put the words of every message there is in."""
    postgres_server.template("conversations_0009", _as_of_0009)
    old = postgres_server.fresh_database("conversations_0009")
    engine = database.engine(old.url())
    with transaction(engine) as connection:
        who = {"org": new_id(), "me": new_id(), "talk": new_id()}
        fence.enter(connection, who["org"])
        for statement in ORDER:
            connection.execute(text(statement), who)

    database.upgrade(engine, "conversations")
    left = Indexing(engine).gather()

    with transaction(engine) as connection:
        fence.enter(connection, who["org"])
        kept = connection.execute(text("SELECT message_id, words::text FROM searchable")).all()
    engine.dispose()
    old.drop()
    assert left == 0
    assert [(str(one), words) for one, words in kept] == [(who["me"], "'manana' 'two'")]


def test_who_has_read_messages_may_post_while_the_upgrade_waits_for_them(postgres_server: PostgresServer) -> None:
    """It holds nothing that they need as well: neither is the other's deadlock, and its turn comes afterwards."""
    postgres_server.template("conversations_0009", _as_of_0009)
    old = postgres_server.fresh_database("conversations_0009")
    engine, who = database.engine(old.url()), {"org": new_id(), "me": new_id(), "talk": new_id()}

    with ThreadPoolExecutor(1) as beside:
        with transaction(engine) as posting:
            fence.enter(posting, who["org"])
            posting.execute(text("SELECT count(*) FROM messages"))
            migrated = beside.submit(database.upgrade, engine, "conversations")
            wait_until(lambda: bool(old.ask(WAITED_FOR)), within_s=20, what="the migration waiting for messages")
            for statement in ORDER:
                posting.execute(text(statement), who)
        refused = migrated.exception()

    kept = old.ask("SELECT words::text FROM searchable")
    engine.dispose()
    old.drop()
    assert refused is None
    assert kept == [("'manana' 'two'",)]


def test_words_are_gathered_over_all_organisations_under_the_services_own_role(house: Inside, made: Database) -> None:
    """By nobody's search: posted, edited and recalled ones, until nothing is queued."""
    nora, far = house.staff("Nora"), house.staff("Fay", org=new_id())
    for one in (nora, far):
        talk = one.opens("direct", participant_ids=[house.staff("Mate", org=one.org).id]).json["id"]
        one.posts(talk, "stays")
        edited, recalled = (one.posts(talk, said)["entry"]["message"]["id"] for said in ("before", "recalled"))
        _gathers(made)
        assert one.asks("PATCH", f"/messages/{edited}", {"body": "after"}).status == 200
        assert one.asks("DELETE", f"/messages/{recalled}").status == 200

    assert _gathers(made) == 2  # the other clinic's were taken meanwhile

    for one in (nora, far):
        with transaction(house.owner) as connection:
            fence.enter(connection, one.org)
            kept = connection.execute(text("SELECT words::text FROM searchable ORDER BY words::text")).scalars().all()
            left = connection.execute(text("SELECT count(*) FROM search_queue")).scalar()
        assert (kept, left) == (["'after'", "'stays'"], 0)


def test_one_at_a_time_gathers_within_an_organisation(house: Inside, made: Database) -> None:
    """Two at once could leave the words of before an edit behind; the second passes by and takes them later."""
    nora = house.staff("Nora")
    nora.posts(nora.opens("direct", participant_ids=[house.staff("Dmitri").id]).json["id"], "tablets")
    ours = database.engine(made.url("conversations"))

    with transaction(house.owner) as other:
        fence.enter(other, nora.org)
        other.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('search_queue ' || :org, 0))"), {"org": nora.org}
        )
        assert Indexing(ours).gather() == 0
    assert Indexing(ours).gather() == 1
    ours.dispose()


def _gathers(made: Database) -> int:
    """Gather all there is as the service does beside its doors; returns of how many messages."""
    service = database.engine(made.url("conversations"))
    gathered = list(iter(Indexing(service).gather, 0))
    service.dispose()
    return sum(gathered)


def _as_of_0009(empty: Database) -> None:
    engine = database.engine(empty.url())
    _upgrade_to("0009", engine)
    engine.dispose()


def _upgrade_to(revision: str, engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("conversations") / "migrations"))
    config.attributes["version_table"] = database.version_table("conversations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _finds(who: Somebody, q: str) -> list[str]:
    return [item["entry"]["message"]["body"] for item in who.asks("GET", "/search", q=q).json["items"]]


def test_a_search_finds_also_what_somebody_is_gathering_just_now(house: Inside, made: Database) -> None:
    """Said a moment ago, and taken from the queue by another process that has not kept it yet: the search waits."""
    nora = house.staff("Nora")
    nora.posts(nora.opens("direct", participant_ids=[house.staff("Dmitri").id]).json["id"], "tablets")

    with ThreadPoolExecutor(1) as beside:
        with transaction(house.owner) as other:
            fence.enter(other, nora.org)
            assert searching.gather(other, nora.org, at_most=10) == 1
            asked = beside.submit(nora.asks, "GET", "/search", q="tablets")
            wait_until(lambda: bool(made.ask(WAITS_ITS_TURN)), within_s=20, what="the search waiting its turn")
        found = asked.result().json["items"]

    assert [each["excerpt"] for each in found] == ["tablets"]
