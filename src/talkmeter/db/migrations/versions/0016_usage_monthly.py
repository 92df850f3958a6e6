"""Adds the monthly totals, and fills them from the daily totals."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTERS = (
    *("calls", "voice_calls", "chat_calls", "inbound_calls", "outbound_calls", "timed_calls", "live_calls"),
    *("voice_ms", "chat_ms", "runs", "runs_success", "runs_failed", "live_runs"),
)
# Integer arithmetic, because SQLite and PostgreSQL have no function for dates in common. A year begins in March, so a
# leap day is its last day: day 0 of `spring` is 1968-03-01. Every fourth year is a leap year from 1970 to 2099.
_AMOUNTS = ", ".join(COUNTERS)
_SUMS = ", ".join(f"CAST(sum({counter}) AS BIGINT)" for counter in COUNTERS)
_SPRING = f"SELECT org_id, day + 671 AS spring, {_AMOUNTS} FROM usage_daily WHERE dimension = 'total'"  # noqa: S608  names
_YEARS = f"SELECT org_id, spring, (4 * spring + 3) / 1461 AS years, {_AMOUNTS} FROM ({_SPRING}) AS springs"  # noqa: S608  names
_MONTH = "(1968 + years) * 12 + (5 * (spring - 1461 * years / 4) + 2) / 153 + 2"
FILL = (
    f"INSERT INTO usage_monthly (month, org_id, {_AMOUNTS}) SELECT month, org_id, {_SUMS} "  # noqa: S608  names
    f"FROM (SELECT {_MONTH} AS month, org_id, {_AMOUNTS} FROM ({_YEARS}) AS years) AS months GROUP BY month, org_id"
)


def upgrade() -> None:
    """Add the table, fill it, and add its index."""
    op.create_table(
        "usage_monthly",
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        *(sa.Column(counter, sa.BigInteger(), nullable=False) for counter in COUNTERS),
        sa.PrimaryKeyConstraint("month", "org_id", name="usage_monthly_pk"),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
    op.create_index("usage_monthly_organization", "usage_monthly", ["org_id"])
