"""The tables of sign-in links and of the sessions of browsers."""

from sqlalchemy import BigInteger, Column, LargeBinary, PrimaryKeyConstraint, Table, Text

from talkmeter.db.table_base import Key, metadata

sign_in_link = Table(
    "sign_in_link",
    metadata,
    Column("secret_hash", LargeBinary(), nullable=False),
    Column("org_id", Key, nullable=False),
    Column("role", Key, nullable=False),
    Column("expires_at", BigInteger(), nullable=False),
    # `read` or `manage`; null, from an older version, is `read`.
    Column("access", Key),
    PrimaryKeyConstraint("secret_hash"),
)

session = Table(
    "session",
    metadata,
    Column("secret_hash", LargeBinary(), nullable=False),
    Column("credential_id", Key),
    Column("grants", Text()),
    Column("created_at", BigInteger(), nullable=False),
    Column("used_at", BigInteger(), nullable=False),
    Column("expires_at", BigInteger(), nullable=False),
    Column("access", Key),
    PrimaryKeyConstraint("secret_hash"),
)
