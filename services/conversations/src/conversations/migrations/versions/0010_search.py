"""The words of messages, kept beside them for searching; by triggers, so that posting needs no statement more.

Under row-level security PostgreSQL uses no index for an operator that might tell of what it saw, and `@@` is not known
to be leakproof. Hence a table of its own, and a role nobody can sign in as, `finder`, that reads this table and nothing
else, and all of it; `find_words` runs as `finder` and stays within `app.org` itself. All others, the owner included,
are fenced in as everywhere. Where the role was not made, the same is found, without the index: slowly.

`folded` is `wire.words.folded`; SQLite is given that one.

Existing messages are put in here, while which nobody posts or reads messages. The strongest lock is taken first:
whoever waits for it while holding a weaker one is in a deadlock with those who have read messages and would post.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR, UUID

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(UUID(as_uuid=False), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(TSVECTOR(), "postgresql")

ORG = "(SELECT nullif(current_setting('app.org', true), '')::uuid)"

DROPPED = (
    r"[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u0640"
    r"\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+"
)
BETWEEN = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u055a-\u055f\u0589\u05be\u05c0\u05c3"
    r"\u05f3-\u05f4\u060c\u061b\u061f\u06d4\u0964-\u0965\u2000-\u2bff\u2e00-\u2e7f\u3000-\u303f\ue000-\uf8ff"
    r"\ufff9-\uffff\U0001f000-\U0001faff]+"
)

FOLDED = f"""
CREATE FUNCTION folded(written text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT btrim(regexp_replace(regexp_replace(regexp_replace(
        replace(lower(normalize(written, NFKD) COLLATE "und-x-icu"), U&'\\03c2', U&'\\03c3'),
        '{DROPPED}', '', 'g'), '{BETWEEN}', ' ', 'g'), '([^ ]{{100}})[^ ]+', '\\1', 'g'))
$$
"""

WORDS_OF = """
CREATE FUNCTION words_of(written text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_to_tsvector(string_to_array(public.folded(written), ' '))
$$
"""

KEEP_WORDS = """
CREATE FUNCTION keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.searchable (message_id, org, words)
        VALUES (NEW.id, NEW.org, public.words_of(NEW.body));
    ELSIF NEW.recalled_at IS NOT NULL THEN
        DELETE FROM public.searchable WHERE message_id = NEW.id;
    ELSE
        UPDATE public.searchable SET words = public.words_of(NEW.body) WHERE message_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$
"""

# It must not look at each message there is, so the way through the index is the only one left open.
FIND_WORDS = """
CREATE FUNCTION find_words(asked tsquery, at_most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    SELECT message_id FROM public.searchable
    WHERE words @@ asked AND org = nullif(current_setting('app.org', true), '')::uuid
    LIMIT at_most
$$
"""

ON_SQLITE = (
    (
        "CREATE VIRTUAL TABLE searchable_words USING fts5(words, content='searchable', content_rowid='id', "
        "tokenize='ascii', prefix='2 3')"
    ),
    (
        "CREATE TRIGGER searchable_posted AFTER INSERT ON messages BEGIN "
        "INSERT INTO searchable (message_id, org, words) VALUES (new.id, new.org, folded(new.body)); END"
    ),
    (
        "CREATE TRIGGER searchable_edited AFTER UPDATE OF body ON messages BEGIN "
        "UPDATE searchable SET words = folded(new.body) WHERE message_id = new.id; END"
    ),
    (
        "CREATE TRIGGER searchable_recalled AFTER UPDATE OF recalled_at ON messages "
        "WHEN new.recalled_at IS NOT NULL BEGIN "
        "DELETE FROM searchable WHERE message_id = new.id; END"
    ),
    (
        "CREATE TRIGGER searchable_words_in AFTER INSERT ON searchable BEGIN "
        "INSERT INTO searchable_words (rowid, words) VALUES (new.id, new.words); END"
    ),
    (
        "CREATE TRIGGER searchable_words_out AFTER DELETE ON searchable BEGIN "
        "INSERT INTO searchable_words (searchable_words, rowid, words) VALUES ('delete', old.id, old.words); END"
    ),
    (
        "CREATE TRIGGER searchable_words_anew AFTER UPDATE OF words ON searchable BEGIN "
        "INSERT INTO searchable_words (searchable_words, rowid, words) VALUES ('delete', old.id, old.words); "
        "INSERT INTO searchable_words (rowid, words) VALUES (new.id, new.words); END"
    ),
    (
        "INSERT INTO searchable (message_id, org, words) "
        "SELECT id, org, folded(body) FROM messages WHERE recalled_at IS NULL"
    ),
)

# Before the fence stands: who migrates may be fenced in as well, and sees no message of any organisation then.
ON_POSTGRESQL = (
    FOLDED,
    WORDS_OF,
    KEEP_WORDS,
    FIND_WORDS,
    "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
    (
        "INSERT INTO searchable (message_id, org, words) "
        "SELECT id, org, words_of(body) FROM messages WHERE recalled_at IS NULL"
    ),
    "ALTER TABLE messages FORCE ROW LEVEL SECURITY",
    "CREATE INDEX ix_searchable_words ON searchable USING gin (words)",
    "CREATE TRIGGER searchable_posted AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION keep_words()",
    (
        "CREATE TRIGGER searchable_changed AFTER UPDATE OF body, recalled_at ON messages "
        "FOR EACH ROW EXECUTE FUNCTION keep_words()"
    ),
    "ALTER TABLE searchable ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE searchable FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY own_organisation ON searchable USING (org = {ORG})",
    "REVOKE ALL ON FUNCTION find_words(tsquery, int) FROM PUBLIC",
)

TO_THE_SERVICE = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON searchable TO conversations",
    "GRANT USAGE ON SEQUENCE searchable_id_seq TO conversations",
    "GRANT EXECUTE ON FUNCTION find_words(tsquery, int) TO conversations",
)

# Owning a function takes the right to make one, for that moment.
TO_THE_FINDER = (
    "GRANT USAGE, CREATE ON SCHEMA public TO finder",
    "GRANT SELECT ON searchable TO finder",
    "CREATE POLICY finder_looks ON searchable TO finder USING (true)",
    # Who migrates is a member of `finder` for the next statement's sake, and is fenced in all the same.
    f"CREATE POLICY owner_keeps_within ON searchable AS RESTRICTIVE TO CURRENT_USER USING (org = {ORG})",
    "ALTER FUNCTION find_words(tsquery, int) OWNER TO finder",
    "REVOKE CREATE ON SCHEMA public FROM finder",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
    op.create_table(
        "searchable",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("org", ID, nullable=False),
        sa.Column("words", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_searchable")),
        sa.UniqueConstraint("message_id", name=op.f("uq_searchable_message_id")),
    )
    op.create_index("ix_messages_posted_at_id", "messages", ["posted_at", "id"])
    for name, which in (("mentioning", "mentions <> '[]'"), ("with_files", "attachments IS NOT NULL")):
        op.create_index(
            f"ix_messages_{name}",
            "messages",
            ["posted_at", "id"],
            postgresql_where=sa.text(which),
            sqlite_where=sa.text(which),
        )
    if op.get_bind().dialect.name == "sqlite":
        _run(ON_SQLITE)
        return
    _run(ON_POSTGRESQL)
    if _exists("conversations"):
        _run(TO_THE_SERVICE)
    if _exists("finder"):
        _run(TO_THE_FINDER)


def _exists(role: str) -> bool:
    found = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    return found.first() is not None


def _run(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
