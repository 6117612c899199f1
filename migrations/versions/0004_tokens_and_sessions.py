"""API tokens and the sessions of the dashboard; which runs the service goes on with by itself"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("token_id", sa.String(), sa.ForeignKey("token.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("by_service", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE run SET by_service = true WHERE actor = 'service'")


def downgrade() -> None:
    with op.batch_alter_table("run") as run:
        run.drop_column("by_service")
    op.drop_table("session")
    op.drop_table("token")
