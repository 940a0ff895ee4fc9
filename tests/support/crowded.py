"""A clinic in which much was said: hundreds of conversations, and one of a hundred thousand messages, by set-based SQL.

Every message says "Line" and its number. What is written here is not found by searching.
"""

from dataclasses import dataclass

import psycopg

from tests.load.history import NEW_ID
from tests.support.clinic import Clinic
from tests.support.person import Person, new_id

GROUPS = """
CREATE TEMP TABLE plan ON COMMIT DROP AS
SELECT number, pg_temp.new_id(at) AS id, at, 'group' AS kind, %(posts)s AS posts, 0 AS notes
FROM (SELECT number, date_trunc('milliseconds', now()) - number * interval '1 hour' AS at
      FROM generate_series(1, %(count)s) AS number) AS numbered
"""
LONG = """
CREATE TEMP TABLE plan ON COMMIT DROP AS
SELECT 1 AS number, %(id)s::uuid AS id, date_trunc('milliseconds', now()) - interval '400 days' AS at,
       'patient' AS kind, %(posts)s AS posts, %(notes)s AS notes
"""
# Everybody who takes part writes in turn; the first entry of the shared stream is the opening.
POSTS = """
CREATE TEMP TABLE posts ON COMMIT DROP AS
SELECT plan.id AS conversation_id, 'shared' AS stream, turn + 1 AS seq, pg_temp.new_id(said_at) AS id, said_at,
       (%(people)s::uuid[])[1 + turn %% cardinality(%(people)s::uuid[])] AS author_id
FROM plan CROSS JOIN LATERAL (
    SELECT turn, date_trunc('milliseconds', plan.at + turn * ((now() - plan.at) / (plan.posts + 1))) AS said_at
    FROM generate_series(1, plan.posts) AS turn) AS said
UNION ALL
SELECT plan.id, 'internal', turn, pg_temp.new_id(said_at), said_at, (%(people)s::uuid[])[1]
FROM plan CROSS JOIN LATERAL (
    SELECT turn, date_trunc('milliseconds', plan.at + turn * ((now() - plan.at) / (plan.notes + 1))) AS said_at
    FROM generate_series(1, plan.notes) AS turn) AS noted
"""
STORE = (
    """INSERT INTO conversations (id, org, kind, status, subject, patient_id, opened_by, head_shared, head_internal,
                                  shared_at, internal_at, created_at)
       SELECT plan.id, %(org)s, kind, 'open', %(subject)s || ' ' || number,
              CASE WHEN kind = 'patient' THEN %(patient)s::uuid END, (%(people)s::uuid[])[1], 1 + plan.posts, notes,
              (SELECT max(said_at) FROM posts WHERE conversation_id = plan.id AND stream = 'shared'),
              (SELECT max(said_at) FROM posts WHERE conversation_id = plan.id AND stream = 'internal'), at
       FROM plan""",
    """INSERT INTO participants (conversation_id, user_id, org, kind, role, joined_at)
       SELECT plan.id, accounts.id, %(org)s, accounts.kind,
              CASE WHEN accounts.kind = 'patient' THEN 'patient' ELSE 'member' END, at
       FROM plan JOIN accounts ON accounts.id = ANY (%(people)s::uuid[])""",
    """INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id)
       SELECT id, 'shared', 1, %(org)s, 'conversation.opened', at, (%(people)s::uuid[])[1] FROM plan""",
    """INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id, message_id)
       SELECT conversation_id, stream, seq, %(org)s, 'message.posted', said_at, author_id, id FROM posts""",
    """INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body,
                             ask_acknowledgement, posted_at)
       SELECT id, %(org)s, conversation_id, stream, seq, author_id, gen_random_uuid(), '',
              CASE stream WHEN 'shared' THEN 'Line ' || lpad((seq - 2)::text, 6, '0') ELSE 'Note ' || seq END,
              false, said_at FROM posts""",
    """INSERT INTO marks (conversation_id, user_id, stream, org, read_seq, delivered_seq, at)
       SELECT plan.id, person, stream, %(org)s, greatest(0, head - %(unread)s), head, now()
       FROM plan CROSS JOIN unnest(%(people)s::uuid[]) AS person JOIN accounts ON accounts.id = person
       CROSS JOIN LATERAL (VALUES ('shared', 1 + plan.posts), ('internal', notes)) AS streams (stream, head)
       WHERE head > 0 AND (accounts.kind = 'staff' OR stream = 'shared')""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who takes part, and how much there is to be."""

    people: list[Person]
    posts: int
    unread: int
    subject: str


def fill_groups(clinic: Clinic, crowd: Crowd, *, count: int) -> None:
    """Store so many groups, each an hour older than the one before, with so many posts each."""
    _fill(clinic, crowd, GROUPS, count=count)


def fill_long(clinic: Clinic, crowd: Crowd, *, patient: str, notes: int) -> str:
    """Store one conversation about a patient over 400 days, with internal notes; returns its id."""
    conversation_id = new_id()
    _fill(clinic, crowd, LONG, id=conversation_id, patient=patient, notes=notes)
    return conversation_id


def _fill(clinic: Clinic, crowd: Crowd, plan: str, **more: object) -> None:
    database = clinic.database
    ids = [each.id for each in crowd.people]
    with database.server.connect(database.name) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(NEW_ID)
        cursor = psycopg.ClientCursor(connection)  # CREATE TABLE AS takes no parameters on the server's side
        cursor.execute("SELECT org FROM accounts WHERE id = %s", (ids[0],))
        [(org,)] = cursor.fetchall()
        values = {
            "org": org,
            "people": ids,
            "posts": crowd.posts,
            "unread": crowd.unread,
            "subject": crowd.subject,
            "patient": None,
            **more,
        }
        for statement in (plan, POSTS, *STORE):
            cursor.execute(statement.encode(), values)
    with database.server.connect(database.name) as connection:
        connection.execute("ANALYZE")
