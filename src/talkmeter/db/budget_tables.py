"""The tables of budgets and their crossings."""

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from talkmeter.db.table_base import Key, metadata

budget = Table(
    "budget",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    # The budget as JSON, without its id.
    Column("definition", Text(), nullable=False),
    # Changes with every change of the definition.
    Column("etag", Key, nullable=False),
    Column("changed_at", BigInteger(), nullable=False),
    # Who changed it, as in the audit log: kind and id.
    Column("changed_by", Text(), nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
)

budget_crossing = Table(
    "budget_crossing",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("budget_id", Key, nullable=False),
    # The first day of the period.
    Column("period_start", Integer(), nullable=False),
    # The day after the last one.
    Column("period_end", Integer(), nullable=False),
    # In percent of the limit.
    Column("threshold", Integer(), nullable=False),
    # The id of the message about it; receivers tell repeated deliveries by it.
    Column("message_id", Key, nullable=False),
    # When it was found.
    Column("at", BigInteger(), nullable=False),
    # Decimal numbers as they were then.
    Column("value", Text(), nullable=False),
    Column("limit_value", Text(), nullable=False),
    PrimaryKeyConstraint("org_id", "budget_id", "period_start", "threshold"),
)
