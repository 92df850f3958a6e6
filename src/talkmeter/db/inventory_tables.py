"""The tables of the days on which inventory items exist."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table

from talkmeter.db.table_base import Key, metadata

inventory_day = Table(
    "inventory_day",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("day", Integer(), nullable=False),
    # The day's state with the highest rank.
    Column("deleted", Boolean(), nullable=False),
    Column("shared", Boolean(), nullable=False),
    Column("time", BigInteger(), nullable=False),
    Column("sequence", BigInteger(), nullable=False),
    Column("source", Key, nullable=False),
    Column("event_id", Key, nullable=False),
    Column("hash", LargeBinary(), nullable=False),
    # Whether any of the day's states exists, and is shared.
    Column("any_exists", Boolean(), nullable=False),
    Column("any_shared", Boolean(), nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "id", "day"),
    sqlite_with_rowid=False,
)

inventory_snapshot_day = Table(
    "inventory_snapshot_day",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("day", Integer(), nullable=False),
    Column("time", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "day"),
    sqlite_with_rowid=False,
)
