"""Adds webhooks, e-mail addresses and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables and their indexes."""
    op.create_table(
        "webhook",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tested_at", sa.BigInteger()),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("org_id", "id", name="webhook_pk"),
    )
    op.create_table(
        "email_address",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary()),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("org_id", "address", name="email_address_pk"),
    )
    op.create_table(
        "delivery",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("target", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="delivery_pk"),
    )
    pending = sa.text("state = 'pending'")
    op.create_index("delivery_due", "delivery", ["org_id", "next_at"], sqlite_where=pending, postgresql_where=pending)
    op.create_index("delivery_message", "delivery", ["org_id", "message_id"])
    op.create_index("delivery_target", "delivery", ["org_id", "channel", "target", "created_at"])
    op.create_table(
        "delivery_attempt",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("status", sa.Integer()),
        sa.Column("error", KEY),
        sa.PrimaryKeyConstraint("org_id", "delivery_id", "number", name="delivery_attempt_pk"),
    )
