"""Searching on PostgreSQL, as its service's role: the same words as on SQLite, behind the fence, by their index."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from conversations.store import fence
from servicekit import database
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
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


@pytest.fixture
def made(postgres_server: PostgresServer) -> Iterator[Database]:
    """Give a migrated database of this test's own."""
    postgres_server.template("conversations_alone", _migrated)
    fresh = postgres_server.fresh_database("conversations_alone")
    yield fresh
    fresh.drop()


@pytest.fixture
def house(made: Database) -> Iterator[Inside]:
    """Give the service over it, and its owner to look behind it."""
    inside = Inside(made.url("conversations"), owner_url=made.url(), migrate=False)
    yield inside
    inside.ends()


def _migrated(empty: Database) -> None:
    engine = database.engine(empty.url())
    database.upgrade(engine, "conversations")
    engine.dispose()


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


def test_a_word_that_thousands_have_is_found_newest_first_and_only_where_one_takes_part(house: Inside) -> None:
    """More than are looked at one by one: others' messages fill the index, and one's own come all the same."""
    nora, dmitri, rosa = (house.staff(name, Permission.CREATE_GROUP) for name in ("Nora", "Dmitri", "Rosa"))
    theirs = nora.opens("direct", participant_ids=[dmitri.id]).json["id"]
    ours = str(nora.opens("direct", participant_ids=[rosa.id]).json["id"])
    rosa.posts(ours, "given first")
    for _ in range(45):
        house.sends([dmitri.item(theirs, "given at eight") for _ in range(50)])
    rosa.posts(ours, "given last, at eight")

    assert _finds(rosa, "given") == ["given last, at eight", "given first"]
    assert _finds(rosa, '"given last"') == ["given last, at eight"]
    assert _finds(nora, "giv")[:2] == ["given last, at eight", "given at eight"]


def test_the_finder_uses_the_index_and_all_others_are_fenced_in(house: Inside, made: Database) -> None:
    """Under row-level security no plan of anybody else's could use it."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    nora.posts(nora.opens("direct", participant_ids=[dmitri.id]).json["id"], "tablets")
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


def test_the_finder_stays_within_the_organisation(house: Inside, made: Database) -> None:
    """It runs as a role that no fence holds: it looks at `app.org` itself, and finds nothing without."""
    nora, far = house.staff("Nora"), house.staff("Fay", org=new_id())
    mate = house.staff("Gil", org=far.org)
    talk = far.opens("direct", participant_ids=[mate.id]).json["id"]
    far.posts(talk, "tablets")
    service = database.engine(made.url("conversations"))

    with transaction(service) as connection:
        found = {}
        for org in (nora.org, far.org, ""):
            fence.enter(connection, org)
            asked = text("SELECT count(*) FROM find_words('tablets'::tsquery, 10)")
            found[org] = connection.execute(asked).scalar()
    service.dispose()

    assert found == {nora.org: 0, far.org: 1, "": 0}


def test_what_was_written_before_is_found_after_the_upgrade(postgres_server: PostgresServer) -> None:
    """The migration takes in every message there is."""
    postgres_server.template("conversations_0009", _as_of_0009)
    old = postgres_server.fresh_database("conversations_0009")
    engine = database.engine(old.url())
    with transaction(engine) as connection:
        who = {"org": new_id(), "me": new_id(), "talk": new_id()}
        fence.enter(connection, who["org"])
        for statement in ORDER:
            connection.execute(text(statement), who)

    database.upgrade(engine, "conversations")

    with transaction(engine) as connection:
        fence.enter(connection, who["org"])
        kept = connection.execute(text("SELECT message_id, words::text FROM searchable")).all()
    engine.dispose()
    old.drop()
    assert [(str(one), words) for one, words in kept] == [(who["me"], "'manana' 'two'")]


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
