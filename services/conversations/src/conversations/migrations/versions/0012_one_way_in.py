"""No index of a table that posting reads is open to whoever knows the organisation alone.

Behind the fence every statement says `org = …`. While a table is small or not yet counted, an index that begins with
`org` looks as good as the key: everything of the organisation was read for each batch, and a connection kept that plan.
Both indexes are partial now, so that only what they are for can use them.

`look_up_for_posting` (0004) is planned once for a connection instead of at every call. PostgreSQL only, but for the
accounts' index.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# While people post: these wait for transactions that were there before, however long those take, and stop nobody. What
# an attempt that broke off has left is made anew.
BESIDE = (
    "SET lock_timeout = 0",
    "DROP INDEX CONCURRENTLY IF EXISTS ix_accounts_staff",
    "CREATE INDEX CONCURRENTLY ix_accounts_staff ON accounts (org, name) WHERE kind = 'staff'",
    "DROP INDEX CONCURRENTLY IF EXISTS uq_conversations_direct_key",
    (
        "CREATE UNIQUE INDEX CONCURRENTLY uq_conversations_direct_key ON conversations (org, direct_key) "
        "WHERE direct_key IS NOT NULL"
    ),
    "DROP INDEX CONCURRENTLY IF EXISTS ix_accounts_org_kind_name",
    "SET lock_timeout = '1s'",
)
AT_ONCE = (
    "ALTER TABLE conversations DROP CONSTRAINT uq_conversations_org_direct_key",
    "ALTER FUNCTION look_up_for_posting(uuid, uuid[], uuid[], uuid[], uuid[]) SET plan_cache_mode = force_generic_plan",
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index("ix_accounts_org_kind_name", "accounts")
        op.create_index("ix_accounts_staff", "accounts", ["org", "name"], sqlite_where=sa.text("kind = 'staff'"))
        return
    with op.get_context().autocommit_block():
        for statement in BESIDE:
            op.execute(statement)
    for statement in AT_ONCE:
        op.execute(statement)
