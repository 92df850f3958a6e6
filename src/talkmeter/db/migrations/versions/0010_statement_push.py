"""Adds what was pushed to a payment provider, and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "statement_push",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line", KEY, nullable=False),
        sa.Column("mode", KEY, nullable=False),
        sa.Column("customer", KEY, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.Column("item_id", KEY),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "month", "number", "line", "mode", name="statement_push_pk"),
    )
    op.create_table(
        "lease",
        sa.Column("name", KEY, nullable=False),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="lease_pk"),
    )
