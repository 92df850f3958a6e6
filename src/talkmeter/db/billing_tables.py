"""The tables of plans and statements.

Months are integers, months since the year 0 (UTC).
"""

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from talkmeter.db.table_base import Key, metadata

plan_assignment = Table(
    "plan_assignment",
    metadata,
    Column("org_id", Key, nullable=False),
    # The first month of the assignment.
    Column("month", Integer(), nullable=False),
    # Null: no plan.
    Column("plan_id", Key),
    PrimaryKeyConstraint("org_id", "month"),
)

statement = Table(
    "statement",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("month", Integer(), nullable=False),
    # 0 closes the month; the others are adjustments.
    Column("number", Integer(), nullable=False),
    Column("plan_id", Key, nullable=False),
    Column("version", Integer(), nullable=False),
    Column("currency", Key, nullable=False),
    # The organization's revision whose usage the statement contains.
    Column("revision", Key, nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "month", "number"),
)

statement_line = Table(
    "statement_line",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("month", Integer(), nullable=False),
    Column("number", Integer(), nullable=False),
    # The id of a charge, `fee` or `minimum`, and its place in the plan.
    Column("line", Key, nullable=False),
    Column("position", Integer(), nullable=False),
    Column("name", Text(), nullable=False),
    # Base units, and an amount in minor units. Those of an adjustment are differences.
    Column("base_quantity", BigInteger(), nullable=False),
    Column("amount", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "month", "number", "line"),
)

statement_push = Table(
    "statement_push",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("month", Integer(), nullable=False),
    Column("number", Integer(), nullable=False),
    Column("line", Key, nullable=False),
    # `live` or `test`: the two have nothing in common at the payment provider.
    Column("mode", Key, nullable=False),
    Column("customer", Key, nullable=False),
    # By which the provider's items are looked up; a copy of the database must find them too.
    Column("hash", Key, nullable=False),
    # Null: pending; the item may have been created or not.
    Column("item_id", Key),
    Column("changed_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "month", "number", "line", "mode"),
)

plan_version = Table(
    "plan_version",
    metadata,
    Column("plan_id", Key, nullable=False),
    Column("version", Integer(), nullable=False),
    # The first month of the version.
    Column("effective", Integer(), nullable=False),
    # A `PlanContent` as JSON.
    Column("content", Text(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("plan_id", "version"),
)

default_plan = Table(
    "default_plan",
    metadata,
    # The first month in which it is the plan of organizations without an assignment. Null: none.
    Column("month", Integer(), nullable=False),
    Column("plan_id", Key),
    PrimaryKeyConstraint("month"),
)
