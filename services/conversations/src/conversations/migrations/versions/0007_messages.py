"""When who had not acknowledged a message was last reminded, and where a forwarded one came from.

Revision: 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("forwarded", sa.Text(), nullable=True))
