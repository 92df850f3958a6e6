"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "connector",
        sa.Column("id", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("provider", KEY, nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="connector_pk"),
    )
    op.create_table(
        "conversation",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("channel", KEY),
        sa.Column("direction", KEY),
        sa.Column("status", KEY),
        sa.Column("created_at", sa.BigInteger()),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("modality", KEY),
        sa.Column("agent_id", KEY),
        sa.Column("agent_number", KEY),
        sa.Column("web_widget_id", KEY),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="conversation_pk"),
    )
    op.create_index(
        "conversation_window",
        "conversation",
        ["org_id", "created_at", "modality", "direction", "status", "duration_ms"],
    )
    op.create_table(
        "credential",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("org_id", KEY),
        sa.Column("name", sa.Text()),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", KEY),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="credential_pk"),
    )
    op.create_table(
        "credential_grant",
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.PrimaryKeyConstraint("credential_id", "org_id", name="credential_grant_pk"),
    )
    op.create_table(
        "inventory_item",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("shared", sa.Boolean()),
        sa.Column("active", sa.Boolean()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "id", name="inventory_item_pk"),
    )
    op.create_index(
        "inventory_item_existing", "inventory_item", ["org_id", "kind", "deleted", "time", "shared", "active"]
    )
    op.create_table(
        "inventory_snapshot",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", name="inventory_snapshot_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="meta_pk"),
    )
    op.create_table(
        "organization",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("last_event_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("org_id", name="organization_pk"),
    )
    op.create_table(
        "organization_directory",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="organization_directory_pk"),
    )
    op.create_table(
        "quarantine",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("reason", KEY, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("times_seen", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kept_fields", sa.LargeBinary(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "hash", name="quarantine_pk"),
    )
    op.create_table(
        "record_state",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "org_id", "kind", "id", "time", "hash", "source", "event_id", "sequence", name="record_state_pk"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("credential_id", KEY),
        sa.Column("grants", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("secret_hash", name="session_pk"),
    )
    op.create_table(
        "sign_in_link",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("secret_hash", name="sign_in_link_pk"),
    )
    op.create_table(
        "usage_daily",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("dimension", KEY, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("voice_calls", sa.BigInteger(), nullable=False),
        sa.Column("chat_calls", sa.BigInteger(), nullable=False),
        sa.Column("inbound_calls", sa.BigInteger(), nullable=False),
        sa.Column("outbound_calls", sa.BigInteger(), nullable=False),
        sa.Column("timed_calls", sa.BigInteger(), nullable=False),
        sa.Column("live_calls", sa.BigInteger(), nullable=False),
        sa.Column("voice_ms", sa.BigInteger(), nullable=False),
        sa.Column("chat_ms", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("runs_success", sa.BigInteger(), nullable=False),
        sa.Column("runs_failed", sa.BigInteger(), nullable=False),
        sa.Column("live_runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "dimension", "day", "value", name="usage_daily_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workflow_execution",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("status", KEY),
        sa.Column("created_at", sa.BigInteger()),
        sa.Column("workflow_id", KEY),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="workflow_execution_pk"),
    )
    op.create_index("workflow_execution_window", "workflow_execution", ["org_id", "created_at", "status"])
