"""Adds to sign-in links and sessions what they may do: read, or also change budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns; links and sessions of an older version may only read."""
    op.add_column("sign_in_link", sa.Column("access", KEY))
    op.add_column("session", sa.Column("access", KEY))
