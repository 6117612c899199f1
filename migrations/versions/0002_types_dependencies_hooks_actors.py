"""Issue types and dependencies in the mirror; a target's webhook and what it holds; who began a run"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mirror") as mirror:
        mirror.add_column(sa.Column("type", sa.String(), nullable=True))
        mirror.add_column(sa.Column("blocked_by", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    with op.batch_alter_table("target") as target:
        target.add_column(sa.Column("hook_id", sa.String(), nullable=False, server_default=""))
        target.add_column(sa.Column("holds", sa.JSON(), nullable=True))
        target.add_column(sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("lease") as lease:
        lease.add_column(sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("actor", sa.String(), nullable=False, server_default=""))
        run.add_column(sa.Column("max_percent", sa.Float(), nullable=False, server_default="30"))
        run.add_column(sa.Column("recreate", sa.Boolean(), nullable=False, server_default=sa.false()))
        run.add_column(sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("plan") as plan:
        plan.add_column(sa.Column("undoes", sa.String(), nullable=True))
    # Types and dependencies were not read before: the next read of each target is a full one.
    op.execute("UPDATE target SET mirrored_at = NULL")


def downgrade() -> None:
    with op.batch_alter_table("plan") as plan:
        plan.drop_column("undoes")
    with op.batch_alter_table("run") as run:
        run.drop_column("resume_at")
        run.drop_column("recreate")
        run.drop_column("max_percent")
        run.drop_column("actor")
    with op.batch_alter_table("lease") as lease:
        lease.drop_column("wanted_at")
    with op.batch_alter_table("target") as target:
        target.drop_column("hold_until")
        target.drop_column("holds")
        target.drop_column("hook_id")
    with op.batch_alter_table("mirror") as mirror:
        mirror.drop_column("blocked_by")
        mirror.drop_column("type")
