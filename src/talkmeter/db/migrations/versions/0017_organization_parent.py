"""Adds the parents of organizations."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table and its index."""
    op.create_table(
        "organization_parent",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("parent_id", KEY),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="organization_parent_pk"),
    )
    op.create_index("organization_parent_children", "organization_parent", ["parent_id"])
