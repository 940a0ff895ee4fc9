"""On PostgreSQL the words of a message are gathered after it was posted, not while it is: posting only queues it.

* `search_queue` holds which messages were posted, edited or recalled since their words were last looked at.
* `conversations.store.searching.gather` takes some of them and folds their words, so that nothing here does.
* Which organisations have anything queued is seen by a transaction that says `app.gathering`.
* `folded` is as before, for the words of a phrase, and quicker with text that holds nothing but ASCII.

Each message has its words until here (0010), so none is queued by this. The release before posts and searches on: its
messages wait in the queue for the first process of this one. SQLite keeps its words while posting, and has no queue.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"
GATHERING = "(SELECT current_setting('app.gathering', true) = 'on')"

FOLDED = """
CREATE FUNCTION folded(written text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT CASE WHEN octet_length(written) > length(written) THEN public.folded_any(written)
    ELSE btrim(regexp_replace(regexp_replace(
        lower(written COLLATE "C"), '[^0-9a-z]+', ' ', 'g'), '([^ ]{100})[^ ]+', '\\1', 'g'))
    END
$$
"""

QUEUE_POSTED = """
CREATE FUNCTION queue_posted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.search_queue (message_id, org) SELECT id, org FROM posted;
    RETURN NULL;
END
$$
"""

QUEUE_CHANGED = """
CREATE FUNCTION queue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.search_queue (message_id, org) VALUES (NEW.id, NEW.org);
    RETURN NULL;
END
$$
"""

STATEMENTS = (
    "ALTER FUNCTION folded(text) RENAME TO folded_any",
    FOLDED,
    QUEUE_POSTED,
    QUEUE_CHANGED,
    "DROP TRIGGER searchable_posted ON messages",
    "DROP TRIGGER searchable_changed ON messages",
    "DROP FUNCTION keep_words()",
    "DROP FUNCTION words_of(text)",
    (
        "CREATE TRIGGER search_queue_posted AFTER INSERT ON messages REFERENCING NEW TABLE AS posted "
        "FOR EACH STATEMENT EXECUTE FUNCTION queue_posted()"
    ),
    (
        "CREATE TRIGGER search_queue_changed AFTER UPDATE OF body, recalled_at ON messages "
        "FOR EACH ROW EXECUTE FUNCTION queue_changed()"
    ),
    "ALTER TABLE search_queue ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE search_queue FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY own_organisation ON search_queue USING (org = {ORG})",
    f"CREATE POLICY gathering ON search_queue FOR SELECT USING ({GATHERING})",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    op.create_table(
        "search_queue",
        sa.Column("message_id", UUID(as_uuid=False), nullable=False),
        sa.Column("org", UUID(as_uuid=False), nullable=False),
    )
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
    known = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'conversations'")).first()
    if known is not None:
        op.execute("GRANT SELECT, INSERT, DELETE ON search_queue TO conversations")
