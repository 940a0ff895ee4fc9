"""What the release before says to PostgreSQL works on this release's tables: both run while one replaces the other.

Its statements stand here as text, as it sends them, under the role it has, and the migrations run while it posts. When
a release lands, its own take their place.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from conversations.store import fence
from servicekit import database
from servicekit.database import transaction
from tests.support.inside import Inside
from tests.support.postgres import Database, PostgresServer
from wire.ids import new_id

LOOK_UP = (
    "SELECT look_up_for_posting(:org, CAST(:talks AS uuid[]), CAST(:authors AS uuid[]), CAST(:keys AS uuid[]), "
    "CAST('{}' AS uuid[]))"
)
SAVE = """
WITH post AS MATERIALIZED (
    SELECT * FROM json_to_recordset(CAST(:posts AS json)) AS post (
        place int, conversation_id uuid, stream text, seq bigint, at timestamptz, author_id uuid, message_id uuid,
        client_message_id uuid, digest text, body text, reply_to uuid, mentions text, priority text,
        ask_acknowledgement boolean, attachments text, staff text, portal text, session_id text, plane text)
), entry AS (
    INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id, message_id)
    SELECT conversation_id, stream, seq, CAST(:org AS uuid), 'message.posted', at, author_id, message_id FROM post
), message AS (
    INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body, reply_to,
                          mentions, priority, ask_acknowledgement, attachments, posted_at)
    SELECT message_id, CAST(:org AS uuid), conversation_id, stream, seq, author_id, client_message_id, digest, body,
           reply_to, mentions, priority, ask_acknowledgement, attachments, at FROM post
), parcel AS (
    INSERT INTO outbox (org, type, staff, portal)
    SELECT CAST(:org AS uuid), 'message.posted', staff, portal FROM post ORDER BY place
), line AS (
    INSERT INTO audit (org, at, user_id, session_id, plane, action, conversation_id, subject_id, stream, last_seq)
    SELECT CAST(:org AS uuid), at, author_id, session_id, plane, 'message.posted', conversation_id, message_id, stream,
           seq
    FROM post ORDER BY place
), moved AS (
    UPDATE conversations SET head_shared = head.head_shared, head_internal = head.head_internal,
                             shared_at = head.shared_at, internal_at = head.internal_at
    FROM json_to_recordset(CAST(:heads AS json)) AS head (
        id uuid, head_shared bigint, head_internal bigint, shared_at timestamptz, internal_at timestamptz)
    WHERE conversations.id = head.id
)
SELECT pg_notify('messages_outbox', '')
"""
EDIT = "UPDATE messages SET body = 'after', edited_at = now() WHERE id = :message"
OPEN = (
    "INSERT INTO conversations (id, org, kind, status, opened_by, direct_key, shared_at, created_at) "
    "VALUES (:talk, :org, 'direct', 'open', :me, :key, now(), now()) ON CONFLICT DO NOTHING RETURNING id"
)
FIND = "SELECT find_words(CAST(:asked AS tsquery), 2000)"
FILL = (
    "INSERT INTO searchable (message_id, org, words) SELECT gen_random_uuid(), :org, "
    "array_to_tsvector(string_to_array('given eight', ' ')) FROM generate_series(1, 30000)"
)
CLINIC = (
    "INSERT INTO organisations (id, name) VALUES (:org, 'Harbor')",
    "INSERT INTO accounts (id, org, kind, name) VALUES (:me, :org, 'staff', 'Nora')",
    (
        "INSERT INTO conversations (id, org, kind, status, opened_by, direct_key, shared_at, created_at) "
        "VALUES (:talk, :org, 'direct', 'open', :me, 'of two', now(), now())"
    ),
)
POST = """
WITH moved AS (UPDATE conversations SET head_shared = head_shared + 1 WHERE id = :talk RETURNING head_shared AS seq)
INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body,
                      ask_acknowledgement, posted_at)
SELECT :message, :org, :talk, 'shared', seq, :me, :message, '', 'Hello', false, now() FROM moved
"""
LONG_S, WAITS_AT_MOST_S = 5, 2
AT = "2026-11-28T08:00:00.000Z"


@pytest.fixture
def before(made: Database) -> Iterator[Engine]:
    """Give the release before its way into the database."""
    engine = database.engine(made.url("conversations"))
    yield engine
    engine.dispose()


def test_it_posts_and_edits_and_this_release_finds_it(before: Engine, house: Inside) -> None:
    """Its entry is the next of the conversation; its words are gathered by whoever searches here."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    talk = str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])
    message_id, key = new_id(), new_id()

    with transaction(before) as connection:
        asked = {"org": nora.org, "talks": [talk], "authors": [nora.id], "keys": [key]}
        locked = _json(connection.execute(text(LOOK_UP), asked).scalar_one())[0]
        seq = locked[0][4] + 1
        post = _post(talk, nora.id, message_id, key) | {"seq": seq}
        head = {"id": talk, "head_shared": seq, "head_internal": 0, "shared_at": AT, "internal_at": None}
        values = {"posts": json.dumps([post]), "heads": json.dumps([head]), "org": nora.org}
        connection.execute(text(SAVE), values)
    with transaction(before) as connection:
        fence.enter(connection, nora.org)
        connection.execute(text(EDIT), {"message": message_id})

    assert dmitri.timeline(talk)["items"][-1]["message"]["body"] == "after"
    found = dmitri.asks("GET", "/search", q="after").json["items"]
    assert [item["entry"]["message"]["id"] for item in found] == [message_id]


def test_it_opens_one_conversation_of_two(before: Engine, house: Inside) -> None:
    """The second insert gives way, although it names no constraint."""
    nora = house.staff("Nora")
    wish = {"org": nora.org, "me": nora.id, "key": f"{nora.id}:{new_id()}"}

    opened = []
    for _ in range(2):
        with transaction(before) as connection:
            fence.enter(connection, nora.org)
            opened.append(connection.execute(text(OPEN), wish | {"talk": new_id()}).scalar())

    assert opened[0] is not None
    assert opened[1] is None


def test_a_common_word_is_ids_to_it_and_no_null(before: Engine, house: Inside) -> None:
    """It takes as many as it asked for as the sign that there are more."""
    org = house.org
    with transaction(house.owner) as connection:
        fence.enter(connection, org)
        connection.execute(text(FILL), {"org": org})

    with transaction(before) as connection:
        fence.enter(connection, org)
        found = {asked: _found(connection, asked) for asked in ("given", "given & eight", "nowhere")}

    assert None not in {one for ids in found.values() for one in ids}
    assert {asked: len(ids) for asked, ids in found.items()} == {"given": 2000, "given & eight": 2000, "nowhere": 0}


def test_who_posts_waits_two_seconds_at_most_for_the_migrations(postgres_server: PostgresServer) -> None:
    """Also while somebody's long transaction has read all there is: a migration that cannot begin lets others pass."""
    postgres_server.template("conversations_0010", _as_of_0010)
    old = postgres_server.fresh_database("conversations_0010")
    owner, posting = database.engine(old.url()), database.engine(old.url())
    who = {"org": new_id(), "me": new_id(), "talk": new_id()}
    with transaction(owner) as connection:
        fence.enter(connection, who["org"])
        for statement in CLINIC:
            connection.execute(text(statement), who)

    with ThreadPoolExecutor(1) as beside, psycopg.connect(old.dsn()) as reading:
        reading.execute("SELECT count(*) FROM messages, conversations, accounts")
        migrated = beside.submit(database.upgrade, owner, "conversations")
        waits_until = time.monotonic() + LONG_S
        longest = max(iter(lambda: _posts(posting, who) if time.monotonic() < waits_until else None, None))
        still_waiting = not migrated.done()
        reading.rollback()
        longest = max(longest, *iter(lambda: None if migrated.done() else _posts(posting, who), None))

    assert migrated.exception() is None
    assert still_waiting
    assert longest < WAITS_AT_MOST_S
    assert database.is_migrated(owner, "conversations")
    for engine in (owner, posting):
        engine.dispose()
    old.drop()


def _posts(posting: Engine, who: dict[str, str]) -> float:
    began = time.monotonic()
    with transaction(posting) as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{2 * WAITS_AT_MOST_S}s'"))
        fence.enter(connection, who["org"])
        connection.execute(text(POST), who | {"message": new_id()})
    return time.monotonic() - began


def _found(connection: Connection, asked: str) -> list[Any]:
    return [row[0] for row in connection.execute(text(FIND), {"asked": asked})]


def _post(talk: str, author_id: str, message_id: str, key: str) -> dict[str, Any]:
    return {
        "place": 0,
        "conversation_id": talk,
        "stream": "shared",
        "at": AT,
        "author_id": author_id,
        "message_id": message_id,
        "client_message_id": key,
        "digest": "",
        "body": "before",
        "mentions": "[]",
        "priority": "normal",
        "ask_acknowledgement": False,
        "session_id": new_id(),
        "plane": "staff",
    }


def _json(said: Any) -> Any:  # noqa: ANN401 - JSON, parsed by the driver or not
    return json.loads(said) if isinstance(said, str) else said


def _as_of_0010(empty: Database) -> None:
    engine = database.engine(empty.url())
    config = Config()
    config.set_main_option("script_location", str(files("conversations") / "migrations"))
    config.attributes["version_table"] = database.version_table("conversations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
    engine.dispose()
