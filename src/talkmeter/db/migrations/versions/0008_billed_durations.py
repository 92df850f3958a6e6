"""Adds the billed durations of daily totals."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNTERS = ("billed_1_1_sec", "billed_6_6_sec", "billed_30_6_sec", "billed_60_60_sec")


def upgrade() -> None:
    """Add the columns; in an existing database, note that they are to be filled."""
    for counter in COUNTERS:
        op.add_column("usage_daily", sa.Column(counter, sa.BigInteger()))
    # A new database gets its id after the migrations.
    op.execute(
        "INSERT INTO meta (name, value) SELECT 'billed_durations', 'unfilled' FROM meta WHERE name = 'database_id'"
    )
