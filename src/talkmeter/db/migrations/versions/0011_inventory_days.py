"""Adds the days of inventory items and of snapshots."""

import sqlalchemy as sa
from alembic import op

from talkmeter import clock

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; in an existing database, note from when on they are complete."""
    op.create_table(
        "inventory_day",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("any_exists", sa.Boolean(), nullable=False),
        sa.Column("any_shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "id", "day", name="inventory_day_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inventory_snapshot_day",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "day", name="inventory_snapshot_day_pk"),
        sqlite_with_rowid=False,
    )
    # A new database gets its id after the migrations.
    values = f"SELECT 'inventory_since', '{clock.now()}' FROM meta WHERE name = 'database_id'"  # noqa: S608  a number
    op.execute(f"INSERT INTO meta (name, value) {values}")
