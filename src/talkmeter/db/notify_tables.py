"""The tables of webhooks, e-mail addresses, and of messages that are delivered to them."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from talkmeter.db.table_base import Key, metadata

PENDING: Final = "pending"

webhook = Table(
    "webhook",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("url", Text(), nullable=False),
    # The signing secret, encrypted like those of connectors.
    Column("secrets", LargeBinary(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    Column("tested_at", BigInteger()),
    # When the first attempt failed after the last one that did not.
    Column("failing_since", BigInteger()),
    Column("disabled_at", BigInteger()),
    PrimaryKeyConstraint("org_id", "id"),
)

email_address = Table(
    "email_address",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("address", Key, nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    # When the last confirmation was requested, and the hash of its link's secret.
    Column("requested_at", BigInteger(), nullable=False),
    Column("secret_hash", LargeBinary()),
    Column("confirmed_at", BigInteger()),
    PrimaryKeyConstraint("org_id", "address"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("org_id", Key, nullable=False),
    # Derived from the message, the channel and the target, so that a message is delivered once to each target.
    Column("id", Key, nullable=False),
    Column("message_id", Key, nullable=False),
    # `webhook` or `email`, and the id of the webhook or the address.
    Column("channel", Key, nullable=False),
    Column("target", Key, nullable=False),
    # JSON.
    Column("body", Text(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    # When the next attempt is due; during an attempt, when another process may begin the next one.
    Column("next_at", BigInteger(), nullable=False),
    # The number of attempts that have begun.
    Column("attempts", Integer(), nullable=False),
    # `pending`, `delivered`, `failed` or `dropped`.
    Column("state", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
)
IS_PENDING: Final = text(f"state = '{PENDING}'")
"""With a parameter, PostgreSQL would not use the partial index."""
Index(
    "delivery_due",
    delivery.c.org_id,
    delivery.c.next_at,
    sqlite_where=IS_PENDING,
    postgresql_where=IS_PENDING,
)
Index("delivery_message", delivery.c.org_id, delivery.c.message_id)
Index("delivery_target", delivery.c.org_id, delivery.c.channel, delivery.c.target, delivery.c.created_at)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("delivery_id", Key, nullable=False),
    Column("number", Integer(), nullable=False),
    Column("at", BigInteger(), nullable=False),
    # Null: the attempt is running, or its process ended.
    Column("duration_ms", BigInteger()),
    # The status of the HTTP response or the SMTP reply.
    Column("status", Integer()),
    # Null: it was delivered, or see `duration_ms`.
    Column("error", Key),
    PrimaryKeyConstraint("org_id", "delivery_id", "number"),
)
