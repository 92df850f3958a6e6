"""Adds the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table and its index."""
    op.create_table(
        "audit",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("actor_kind", KEY, nullable=False),
        sa.Column("actor_id", KEY, nullable=False),
        sa.Column("action", KEY, nullable=False),
        sa.Column("org_id", KEY),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("at", "id", name="audit_pk"),
    )
    op.create_index("audit_organization", "audit", ["org_id", "at"])
