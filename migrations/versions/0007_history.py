"""How nodes stood by day; a programme's time zone; when an object was made, whose it is and what it weighs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("programme") as programme:
        programme.add_column(sa.Column("time_zone", sa.String(), nullable=False, server_default="UTC"))
        programme.add_column(sa.Column("revision", sa.BigInteger(), nullable=False, server_default="1"))
        programme.add_column(sa.Column("recorded", sa.BigInteger(), nullable=False, server_default="0"))
        programme.add_column(sa.Column("rebuild_due", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("node") as node:
        node.add_column(sa.Column("baseline_start", sa.Date(), nullable=True))
        node.add_column(sa.Column("baseline_end", sa.Date(), nullable=True))
    # The window at first import isn't kept apart so far: slips are counted from the upgrade on.
    op.execute("UPDATE node SET baseline_start = window_start, baseline_end = window_end")
    with op.batch_alter_table("mirror") as mirror:
        mirror.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))
        mirror.add_column(sa.Column("assignees", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
        mirror.add_column(sa.Column("estimate", sa.Integer(), nullable=True))
    op.create_table(
        "history",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("programme_id", KEY, nullable=True),
        sa.Column("node_id", KEY, nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Float(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("declared", sa.Float(), nullable=True),
        sa.Column("rebuilt", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("programme_id", "day"),
        sa.UniqueConstraint("node_id", "day"),
    )
    # Who made what and when was not read before: the next read of each target is a full one.
    op.execute("UPDATE target SET mirrored_at = NULL")


def downgrade() -> None:
    op.drop_table("history")
    with op.batch_alter_table("mirror") as mirror:
        mirror.drop_column("estimate")
        mirror.drop_column("assignees")
        mirror.drop_column("created_at")
    with op.batch_alter_table("node") as node:
        node.drop_column("baseline_end")
        node.drop_column("baseline_start")
    with op.batch_alter_table("programme") as programme:
        for name in ("rebuild_due", "recorded", "revision", "time_zone"):
            programme.drop_column(name)
