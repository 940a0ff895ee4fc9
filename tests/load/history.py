"""A clinic with years behind it: a million messages in ten thousand conversations, written by set-based SQL.

One nurse takes part in every twentieth conversation: 500 of them, one with 20,098 messages, the others with 98 each.
A quarter of hers are about a patient (every fifth message of those internal), a quarter direct, half groups of four.
She has read most; some she never opened. Every message says the same, and its number within its conversation.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from servicekit import database as storage
from tests.support.inside import Inside, Somebody
from tests.support.postgres import Database, PostgresServer
from wire.permissions import Permission

CONVERSATIONS = 10_000
OURS = 20
LONG, SHORT = 20_098, 98

TEXT = "Please have a look at the chart before the round; the new dose starts tonight and the family knows. No. "

# A UUIDv7: the moment in milliseconds, then chance.
NEW_ID = """
CREATE FUNCTION pg_temp.new_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
            || substr(translate(gen_random_uuid()::text, '-', ''), 14, 19))::uuid
$$
"""

# Indexes are built after the rows, and words gathered at once, which is several times faster than row by row.
WITHOUT = """
ALTER TABLE messages DISABLE TRIGGER search_queue_posted;
DROP INDEX ix_searchable_words;
ALTER TABLE messages DROP CONSTRAINT uq_messages_client_message_id_author_id_conversation_id;
DROP INDEX ix_messages_conversation_id_stream_seq
"""
WITH = """
ALTER TABLE messages ADD CONSTRAINT uq_messages_client_message_id_author_id_conversation_id
    UNIQUE (client_message_id, author_id, conversation_id);
CREATE UNIQUE INDEX ix_messages_conversation_id_stream_seq ON messages (conversation_id, stream, seq)
    INCLUDE (author_id, recalled_at, org);
ALTER TABLE messages ENABLE TRIGGER search_queue_posted;
INSERT INTO searchable (message_id, org, words) SELECT id, org, array_to_tsvector(string_to_array(folded(body), ' '))
    FROM messages ORDER BY posted_at;
CREATE INDEX ix_searchable_words ON searchable USING gin (words)
"""

PLAN = """
CREATE TEMP TABLE plan AS
SELECT number, pg_temp.new_id(began) AS id, began, number %% %(ours)s = 0 AS hers,
       CASE WHEN number = %(ours)s THEN 'group'
            ELSE (ARRAY['patient', 'direct', 'group', 'group'])[1 + (number / %(ours)s + number) %% 4] END AS kind,
       CASE WHEN number = %(ours)s THEN %(long)s ELSE %(short)s END AS posts
FROM (
    SELECT number, date_trunc('milliseconds', now()) - interval '400 days' + number * interval '50 minutes' AS began
    FROM generate_series(1, %(count)s) AS number
) AS numbered
"""

PEOPLE = """
CREATE TEMP TABLE staff AS
SELECT number, pg_temp.new_id(now()) AS id FROM generate_series(0, 999) AS number
"""

# Who takes part: four people of a group, two of a direct one, two staff and a portal account of a patient one.
PARTS = """
CREATE TEMP TABLE parts AS
SELECT plan.id AS conversation_id, plan.number, plan.began, place,
       CASE WHEN plan.hers AND place = 0 THEN %(nurse)s::uuid ELSE staff.id END AS user_id, 'staff' AS kind
FROM plan
CROSS JOIN generate_series(0, 3) AS place
JOIN staff ON staff.number = (plan.number * 7 + place * 131) %% 1000
WHERE place < CASE plan.kind WHEN 'group' THEN 4 ELSE 2 END
UNION ALL
SELECT id, number, began, 2, pg_temp.new_id(began), 'patient' FROM plan WHERE plan.kind = 'patient'
"""

# One row for each post: the first entry of the shared stream is the opening.
POSTS = """
CREATE TEMP TABLE posts AS
SELECT plan.id AS conversation_id, plan.number, pg_temp.new_id(at) AS id, at, parts.user_id AS author_id, turn,
       internal,
       row_number() OVER (PARTITION BY plan.id, internal ORDER BY turn) + CASE WHEN internal THEN 0 ELSE 1 END AS seq
FROM plan
CROSS JOIN LATERAL (
    SELECT turn, plan.kind = 'patient' AND turn %% 5 = 0 AS internal,
           date_trunc('milliseconds', plan.began + turn * (interval '300 days' / plan.posts)) AS at
    FROM generate_series(1, plan.posts) AS turn
) AS said
JOIN parts ON parts.conversation_id = plan.id
          AND parts.place = turn %% CASE WHEN plan.kind = 'group' THEN 4
                                        WHEN plan.kind = 'patient' AND NOT internal THEN 3 ELSE 2 END
"""

STORE = (
    """INSERT INTO accounts (id, org, kind, name, title) SELECT id, %(org)s, 'staff', 'Colleague ' || number, ''
       FROM staff""",
    """INSERT INTO patients (id, org, name) SELECT id, %(org)s, 'Patient ' || number FROM plan
       WHERE kind = 'patient'""",
    """INSERT INTO accounts (id, org, kind, name, title)
       SELECT user_id, %(org)s, 'patient', 'Patient ' || number, '' FROM parts WHERE kind = 'patient'""",
    """INSERT INTO stands_for (account_id, patient_id, org) SELECT user_id, conversation_id, %(org)s
       FROM parts WHERE kind = 'patient'""",
    """INSERT INTO conversations (id, org, kind, status, subject, patient_id, opened_by, direct_key,
                                  head_shared, head_internal, shared_at, internal_at, created_at)
       SELECT plan.id, %(org)s, plan.kind, 'open',
              CASE WHEN plan.kind = 'direct' THEN '' ELSE 'Talk ' || plan.number END,
              CASE WHEN plan.kind = 'patient' THEN plan.id END,
              opener.user_id, CASE WHEN plan.kind = 'direct' THEN plan.id::text END,
              shared, internal, shared_at, internal_at, plan.began
       FROM plan JOIN parts AS opener ON opener.conversation_id = plan.id AND opener.place = 0 JOIN (
           SELECT conversation_id, 1 + count(*) FILTER (WHERE NOT internal) AS shared,
                  count(*) FILTER (WHERE internal) AS internal,
                  max(at) FILTER (WHERE NOT internal) AS shared_at, max(at) FILTER (WHERE internal) AS internal_at
           FROM posts GROUP BY conversation_id
       ) AS heads ON heads.conversation_id = plan.id""",
    """INSERT INTO participants (conversation_id, user_id, org, kind, role, joined_at)
       SELECT conversation_id, user_id, %(org)s, kind,
              CASE WHEN kind = 'patient' THEN 'patient' ELSE 'member' END, began
       FROM parts ON CONFLICT DO NOTHING""",
    """INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id)
       SELECT conversation_id, 'shared', 1, %(org)s, 'conversation.opened', began, user_id FROM parts
       WHERE place = 0""",
    """INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id, message_id)
       SELECT conversation_id, CASE WHEN internal THEN 'internal' ELSE 'shared' END, seq, %(org)s, 'message.posted', at,
              author_id, id FROM posts ORDER BY at""",
    """INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body,
                             ask_acknowledgement, posted_at)
       SELECT id, %(org)s, conversation_id, CASE WHEN internal THEN 'internal' ELSE 'shared' END, seq, author_id,
              gen_random_uuid(), '', %(text)s || turn, false, at FROM posts ORDER BY at""",
    """INSERT INTO marks (conversation_id, user_id, stream, org, read_seq, delivered_seq, at)
       SELECT parts.conversation_id, user_id, stream, %(org)s, greatest(0, head - unread), head, now()
       FROM parts
       JOIN conversations ON conversations.id = parts.conversation_id
       CROSS JOIN LATERAL (VALUES ('shared', head_shared), ('internal', head_internal)) AS streams (stream, head)
       CROSS JOIN LATERAL (
           SELECT CASE WHEN user_id = %(nurse)s THEN number / 20 %% 12 ELSE 0 END AS unread
       ) AS left_over
       WHERE head > 0 AND (parts.kind = 'staff' OR stream = 'shared')
         AND (user_id <> %(nurse)s OR number / 20 %% 10 > 0)
       ON CONFLICT DO NOTHING""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Years:
    """The full database behind its doors, and the nurse who takes part in 500 of its conversations."""

    house: Inside
    nurse: Somebody
    long: str
    hers: list[str]
    groups: list[str]
    colleague: str
    messages: int


def empty_house(server: PostgresServer) -> tuple[Inside, Database]:
    """Return the service over a new migrated database."""
    made = server.fresh_database()
    owner = storage.engine(made.url())
    storage.upgrade(owner, "conversations")
    owner.dispose()
    return Inside(made.url("conversations"), owner_url=made.url(), migrate=False), made


def years(house: Inside, made: Database) -> Years:
    """Fill the database; some minutes."""
    nurse = house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)
    values = {
        "org": house.org,
        "nurse": nurse.id,
        "text": TEXT,
        "count": CONVERSATIONS,
        "ours": OURS,
        "long": LONG,
        "short": SHORT,
    }
    with made.server.connect(made.name) as connection:
        # Rows made of one plan refer to each other: the keys between tables need no check here.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET maintenance_work_mem = '256MB'")
        connection.execute(NEW_ID)
        cursor = psycopg.ClientCursor(connection)  # CREATE TABLE AS takes no parameters on the server's side
        drawn_up = (PLAN, PEOPLE, PARTS, "ANALYZE plan; ANALYZE parts", POSTS, "ANALYZE posts")
        for statement in (*drawn_up, WITHOUT, *STORE, WITH):
            cursor.execute(statement.encode(), values)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        return _found(connection, house, nurse)


def _found(connection: psycopg.Connection[tuple[Any, ...]], house: Inside, nurse: Somebody) -> Years:
    hers = connection.execute("SELECT id::text, kind FROM plan WHERE hers ORDER BY number").fetchall()
    beside = "SELECT user_id::text FROM parts WHERE number = %s AND place = 1"
    [(colleague,)] = connection.execute(beside, (OURS,)).fetchall()
    [(count,)] = connection.execute("SELECT count(*) FROM messages").fetchall()
    return Years(
        house=house,
        nurse=nurse,
        long=hers[0][0],
        hers=[one for one, _ in hers],
        groups=[one for one, kind in hers if kind == "group"],
        colleague=colleague,
        messages=count,
    )
