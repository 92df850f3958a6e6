"""Adds linked conversations, organization settings, and the outcomes of connectors' messages."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, tables and indexes."""
    op.add_column("conversation", sa.Column("linked_to", KEY))
    op.add_column("conversation", sa.Column("linked_created_at", sa.BigInteger()))
    op.create_table(
        "conversation_link",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("call", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("side", KEY, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "call", "id", name="conversation_link_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("conversation_link_id", "conversation_link", ["org_id", "id", "call"])
    op.create_table(
        "organization_setting",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "name", name="organization_setting_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "connector_outcome",
        sa.Column("connector_id", KEY, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("detail", KEY, nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connector_id", "day", "outcome", "detail", name="connector_outcome_pk"),
    )
    op.create_index("connector_organization", "connector", ["org_id"])
