"""What becomes of deliveries, how targets are paced, and procrastinate's tables on PostgreSQL"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('waiting', 'failed')")


def upgrade() -> None:
    with op.batch_alter_table("target") as target:
        target.add_column(sa.Column("pause_reason", sa.String(), nullable=False, server_default=""))
        target.add_column(sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
        target.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        target.add_column(sa.Column("quiet", sa.Integer(), nullable=False, server_default="0"))
        target.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
        target.add_column(sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("lease") as lease:
        lease.add_column(sa.Column("cancelled", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("state", sa.String(), nullable=False, server_default="waiting"))
        delivery.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        delivery.add_column(sa.Column("error", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE delivery SET state = 'handled' WHERE handled_at IS NOT NULL")
    op.create_index("delivery_open", "delivery", ["target_id", "state"], sqlite_where=OPEN, postgresql_where=OPEN)
    if op.get_bind().dialect.name == "postgresql":
        _make_procrastinate()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _drop_procrastinate()
    op.execute("UPDATE delivery SET handled_at = received_at WHERE state = 'discarded' AND handled_at IS NULL")
    op.drop_index("delivery_open", "delivery")
    with op.batch_alter_table("delivery") as delivery:
        for name in ("error", "attempts", "state"):
            delivery.drop_column(name)
    with op.batch_alter_table("lease") as lease:
        lease.drop_column("cancelled")
    with op.batch_alter_table("target") as target:
        for name in ("replayed_at", "asked_at", "quiet", "failures", "tried_at", "pause_reason"):
            target.drop_column(name)


def _make_procrastinate() -> None:
    """The library's own SQL, of the version that is pinned: a later one comes with a revision of its own here.

    Past SQLAlchemy, which would take the script's percent signs for parameters; in the same transaction.
    """
    from procrastinate.schema import SchemaManager

    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise AssertionError("a migration runs on a connection")
    driver.execute(SchemaManager.get_schema())


def _drop_procrastinate() -> None:
    """Everything of that name: tables with their triggers, functions, types."""
    op.execute(
        sa.text("""
DO $$
DECLARE each record;
BEGIN
    FOR each IN SELECT tablename AS name FROM pg_tables
        WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP TABLE %I CASCADE', each.name);
    END LOOP;
    FOR each IN SELECT oid FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', each.oid::regprocedure);
    END LOOP;
    FOR each IN SELECT typname AS name FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND typname LIKE 'procrastinate\\_%'
        AND typtype IN ('c', 'e') LOOP
        EXECUTE format('DROP TYPE %I CASCADE', each.name);
    END LOOP;
END $$""")
    )
