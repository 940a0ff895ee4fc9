"""Deciding about a batch of messages, by plans that stay good. PostgreSQL only.

A connection keeps the plans of `look_up_for_posting` for as long as it lives, so each must be the right one for tables
of any size: written so that only one is possible. What a used client id is looked up by begins with that id, which
no other index knows; and as ids grow with time, new ones lie side by side instead of all over the index.

Revision: 0004, after 0003.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LOOK_UP = """
CREATE OR REPLACE FUNCTION look_up_for_posting(
    asked_org uuid, asked_conversations uuid[], asked_authors uuid[], asked_keys uuid[], asked_answers uuid[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    locked json;
    audiences json;
    people json;
    posted json;
    answered json;
BEGIN
    PERFORM set_config('app.org', asked_org::text, true), set_config('enable_seqscan', 'off', true);

    SELECT json_agg(json_build_array(
        id, org, kind, status, head_shared, head_internal, shared_at, internal_at, patient_id))
    INTO locked
    FROM (
        SELECT * FROM conversations WHERE org = asked_org AND id = ANY (asked_conversations)
        ORDER BY id FOR NO KEY UPDATE
    ) AS conversation;

    SELECT json_agg(json_build_array(c.id, audience.staff, audience.patients)) INTO audiences
    FROM conversations c CROSS JOIN LATERAL (
        SELECT array_agg(p.user_id) FILTER (WHERE p.kind = 'staff') AS staff,
               array_agg(p.user_id) FILTER (WHERE p.kind <> 'staff') AS patients
        FROM participants p
        WHERE p.conversation_id = c.id AND p.left_at IS NULL
          AND (SELECT a.active FROM accounts a WHERE a.id = p.user_id)
          AND (p.kind = 'staff' OR EXISTS (
              SELECT FROM stands_for s WHERE s.account_id = p.user_id AND s.patient_id = c.patient_id))
    ) AS audience
    WHERE c.org = asked_org AND c.id = ANY (asked_conversations);

    SELECT json_agg(json_build_array(id, kind, name, active)) INTO people
    FROM accounts WHERE org = asked_org AND id = ANY (asked_authors);

    SELECT json_agg(json_build_array(m.conversation_id, m.author_id, m.client_message_id, m.id, m.digest)) INTO posted
    FROM unnest(asked_conversations, asked_authors, asked_keys) AS asked (conversation_id, author_id, client_message_id)
    CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE client_message_id = asked.client_message_id AND author_id = asked.author_id
          AND conversation_id IS NOT DISTINCT FROM asked.conversation_id OFFSET 0
    ) AS m;

    IF cardinality(asked_answers) > 0 THEN
        SELECT json_agg(json_build_array(id, conversation_id, stream, seq, body, recalled_at IS NOT NULL)) INTO answered
        FROM messages WHERE org = asked_org AND id = ANY (asked_answers);
    END IF;

    RETURN json_build_array(locked, audiences, people, posted, answered)::text;
END
$$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_constraint("uq_messages_conversation_id_author_id_client_message_id", "messages")
    op.create_unique_constraint(
        "uq_messages_client_message_id_author_id_conversation_id",
        "messages",
        ["client_message_id", "author_id", "conversation_id"],
    )
    op.execute(LOOK_UP)
