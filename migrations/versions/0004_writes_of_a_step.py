"""How many writes a step took, and when the last was sent: what the pace counts by; an index for it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("writes", sa.Integer(), nullable=False, server_default="1"))
        journal.add_column(sa.Column("last_write_at", sa.DateTime(timezone=True), nullable=True))
        journal.create_index("journal_at", ["target_id", "at"])


def downgrade() -> None:
    with op.batch_alter_table("journal") as journal:
        journal.drop_index("journal_at")
        journal.drop_column("last_write_at")
        journal.drop_column("writes")
