"""Adds closed organizations: those that are merged into another one or deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("organization", sa.Column("closed", sa.Boolean()))
    op.add_column("organization_directory", sa.Column("closed", KEY))
    op.add_column("organization_directory", sa.Column("merged_into", KEY))
    op.create_index("organization_directory_merged_into", "organization_directory", ["merged_into"])
