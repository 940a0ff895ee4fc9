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

PLANNED_ONCE = (
    "ALTER FUNCTION look_up_for_posting(uuid, uuid[], uuid[], uuid[], uuid[]) SET plan_cache_mode = force_generic_plan"
)


def upgrade() -> None:
    staff = sa.text("kind = 'staff'")
    op.drop_index("ix_accounts_org_kind_name", "accounts")
    op.create_index("ix_accounts_staff", "accounts", ["org", "name"], postgresql_where=staff, sqlite_where=staff)
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_constraint("uq_conversations_org_direct_key", "conversations")
    op.create_index(
        "uq_conversations_direct_key",
        "conversations",
        ["org", "direct_key"],
        unique=True,
        postgresql_where=sa.text("direct_key IS NOT NULL"),
    )
    op.execute(PLANNED_ONCE)
