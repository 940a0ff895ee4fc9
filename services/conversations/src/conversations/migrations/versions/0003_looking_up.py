"""What deciding about a batch of messages needs, in one call. PostgreSQL only: SQLite is asked by several statements.

One function instead of six statements: their round trips and their planning were most of what a small batch cost.
Each statement in it sees what was committed before it began, so what is read after the lock is true until our commit.
It runs with its caller's rights: row-level security stays in force.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LOOK_UP = """
CREATE FUNCTION look_up_for_posting(
    asked_org uuid, asked_conversations uuid[], asked_authors uuid[], asked_keys uuid[], asked_answers uuid[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    locked json;
    audiences json;
    people json;
    posted json;
    answered json;
BEGIN
    -- Plans are kept for as long as a connection lives: one made while a table was small must not read all of it later.
    PERFORM set_config('app.org', asked_org::text, true), set_config('enable_seqscan', 'off', true);

    SELECT json_agg(json_build_array(
        id, org, kind, status, head_shared, head_internal, shared_at, internal_at, patient_id))
    INTO locked
    FROM (
        SELECT * FROM conversations WHERE org = asked_org AND id = ANY (asked_conversations)
        ORDER BY id FOR NO KEY UPDATE
    ) AS conversation;

    SELECT json_agg(json_build_array(conversation_id, staff, patients)) INTO audiences
    FROM (
        SELECT p.conversation_id, array_agg(p.user_id) FILTER (WHERE p.kind = 'staff') AS staff,
               array_agg(p.user_id) FILTER (WHERE p.kind <> 'staff') AS patients
        FROM participants p JOIN accounts a ON a.id = p.user_id AND a.active
        WHERE p.org = asked_org AND p.conversation_id = ANY (asked_conversations) AND p.left_at IS NULL
          AND (p.kind = 'staff' OR EXISTS (
              SELECT FROM stands_for s JOIN conversations c USING (patient_id)
              WHERE s.account_id = p.user_id AND c.id = p.conversation_id))
        GROUP BY p.conversation_id
    ) AS audience;

    SELECT json_agg(json_build_array(id, kind, name, active)) INTO people
    FROM accounts WHERE org = asked_org AND id = ANY (asked_authors);

    SELECT json_agg(json_build_array(m.conversation_id, m.author_id, m.client_message_id, m.id, m.digest)) INTO posted
    FROM unnest(asked_conversations, asked_authors, asked_keys) AS asked (conversation_id, author_id, client_message_id)
    JOIN messages m USING (conversation_id, author_id, client_message_id);

    IF cardinality(asked_answers) > 0 THEN
        SELECT json_agg(json_build_array(id, conversation_id, stream, seq, body, recalled_at IS NOT NULL)) INTO answered
        FROM messages WHERE org = asked_org AND id = ANY (asked_answers);
    END IF;

    RETURN json_build_array(locked, audiences, people, posted, answered)::text;
END
$$
"""

ARGUMENTS = "look_up_for_posting(uuid, uuid[], uuid[], uuid[], uuid[])"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    op.execute(LOOK_UP)
    op.execute(f"REVOKE ALL ON FUNCTION {ARGUMENTS} FROM PUBLIC")
    if connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'conversations'")).first() is not None:
        op.execute(f"GRANT EXECUTE ON FUNCTION {ARGUMENTS} TO conversations")
