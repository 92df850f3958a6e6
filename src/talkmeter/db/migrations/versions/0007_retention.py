"""Adds the first day whose records are stored, and the records whose identifying data was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("organization", sa.Column("records_from", sa.Integer()))
    op.add_column("organization", sa.Column("has_erased", sa.Boolean()))
    op.create_table(
        "erased_record",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "id", name="erased_record_pk"),
        sqlite_with_rowid=False,
    )
