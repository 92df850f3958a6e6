"""Adds the time at which daily totals changed, and indexes for stale conversations and lists of records."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MAY_BE_STALE = sa.text("status IN ('triggered', 'ringing', 'in_progress') AND channel <> 'email'")


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("usage_daily", sa.Column("changed_at", sa.BigInteger()))
    op.create_index(
        "conversation_live",
        "conversation",
        ["org_id", "time", "created_at"],
        sqlite_where=MAY_BE_STALE,
        postgresql_where=MAY_BE_STALE,
    )
    op.drop_index("conversation_window", "conversation")
    op.create_index(
        "conversation_window",
        "conversation",
        ["org_id", "created_at", "id", "modality", "direction", "status", "duration_ms"],
    )
    op.drop_index("workflow_execution_window", "workflow_execution")
    op.create_index("workflow_execution_window", "workflow_execution", ["org_id", "created_at", "id", "status"])
