"""Adds plans, their assignments to organizations, and statements."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "plan_version",
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "version", name="plan_version_pk"),
    )
    op.create_table(
        "default_plan",
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("plan_id", KEY),
        sa.PrimaryKeyConstraint("month", name="default_plan_pk"),
    )
    op.create_table(
        "plan_assignment",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("plan_id", KEY),
        sa.PrimaryKeyConstraint("org_id", "month", name="plan_assignment_pk"),
    )
    op.create_table(
        "statement",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("currency", KEY, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "month", "number", name="statement_pk"),
    )
    op.create_table(
        "statement_line",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("base_quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "month", "number", "line", name="statement_line_pk"),
    )
