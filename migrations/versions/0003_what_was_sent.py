"""Calls that were begun, until it is known what came of them; writes of a step; which objects are people's copies"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("link") as link:
        link.add_column(sa.Column("sent", sa.JSON(), nullable=True))
    with op.batch_alter_table("mirror") as mirror:
        mirror.add_column(sa.Column("copied", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("writes", sa.Integer(), nullable=False, server_default="1"))
        journal.add_column(sa.Column("last_write_at", sa.DateTime(timezone=True), nullable=True))
        journal.create_index("journal_at", ["target_id", "at"])


def downgrade() -> None:
    with op.batch_alter_table("journal") as journal:
        journal.drop_index("journal_at")
        journal.drop_column("last_write_at")
        journal.drop_column("writes")
    with op.batch_alter_table("mirror") as mirror:
        mirror.drop_column("copied")
    with op.batch_alter_table("link") as link:
        link.drop_column("sent")
