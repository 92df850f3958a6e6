"""Adds budgets and their crossings."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "budget",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("etag", KEY, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="budget_pk"),
    )
    op.create_table(
        "budget_crossing",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("budget_id", KEY, nullable=False),
        sa.Column("period_start", sa.Integer(), nullable=False),
        sa.Column("period_end", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("limit_value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "budget_id", "period_start", "threshold", name="budget_crossing_pk"),
    )
