"""Words that a large part of all messages have are known for such without gathering all of them.

A GIN index hands out no row before it has gathered all: with a word in each of a million messages the first 2,000 took
0.1 s. `gin_fuzzy_search_limit` has it gather about 20,000 and leave out others by chance; of fewer none is left out.

So for a single word `find_few` looks at up to `at_most` rows that way. Were there fewer, those of the organisation
are all it has. Is a good part of them the organisation's, the word is common there: it gives a null and nothing else.
If not, others have it, and it looks once more without leaving any out. Of several words each would lose its own share,
and what has all of them most: there it leaves none out from the beginning. PostgreSQL only.

It is a function of its own: the release before calls `find_words` (0010), which knows no null, and may still run.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# As in 0010, the way through the index is the only one left open.
FIND_FEW = """
CREATE FUNCTION find_few(asked tsquery, at_most int) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
SET gin_fuzzy_search_limit = 20000 AS $$
DECLARE
    here uuid := nullif(current_setting('app.org', true), '')::uuid;
    looked_at int;
    ours uuid[];
BEGIN
    IF numnode(asked) = 1 THEN
        SELECT count(*), array_agg(message_id) FILTER (WHERE org = here) INTO looked_at, ours
        FROM (SELECT message_id, org FROM public.searchable WHERE words @@ asked LIMIT at_most) AS looked;
        IF looked_at < at_most THEN
            RETURN QUERY SELECT unnest(ours);
            RETURN;
        ELSIF cardinality(ours) * 10 >= looked_at THEN
            RETURN NEXT NULL;
            RETURN;
        END IF;
    END IF;
    PERFORM set_config('gin_fuzzy_search_limit', '0', true);
    RETURN QUERY SELECT message_id FROM public.searchable WHERE words @@ asked AND org = here LIMIT at_most;
END
$$
"""


TO_THE_FINDER = (
    "GRANT USAGE, CREATE ON SCHEMA public TO finder",
    "ALTER FUNCTION find_few(tsquery, int) OWNER TO finder",
    "REVOKE CREATE ON SCHEMA public FROM finder",
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(FIND_FEW)
    op.execute("REVOKE ALL ON FUNCTION find_few(tsquery, int) FROM PUBLIC")
    if _exists("conversations"):
        op.execute("GRANT EXECUTE ON FUNCTION find_few(tsquery, int) TO conversations")
    if _exists("finder"):
        for statement in TO_THE_FINDER:
            op.execute(statement)


def _exists(role: str) -> bool:
    found = op.get_bind().execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    return found.first() is not None
