"""Words that a large part of all messages have are known for such without gathering all of them.

A GIN index hands out no row before it has gathered all: with a word in each of a million messages the first 2,000 took
0.1 s. `gin_fuzzy_search_limit` has it gather about 20,000 and leave out others by chance; of fewer none is left out.

So for a single word `find_words` looks at up to `at_most` rows that way. Were there fewer, those of the organisation
are all it has. Is a good part of them the organisation's, the word is common there: it gives a null and nothing else.
If not, others have it, and it looks once more without leaving any out. Of several words each would lose its own share,
and what has all of them most: there it leaves none out from the beginning. PostgreSQL only.

Revision: 0013, after 0012.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# As in 0010, the way through the index is the only one left open.
FIND_WORDS = """
CREATE OR REPLACE FUNCTION find_words(asked tsquery, at_most int) RETURNS SETOF uuid
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


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FIND_WORDS)
