"""The tables of credentials, sign-in links and browser sessions."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from talkmeter.db.table_base import Key, metadata

credential = Table(
    "credential",
    metadata,
    Column("id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("org_id", Key),
    Column("name", Text()),
    Column("secret_hash", LargeBinary(), nullable=False),
    Column("role", Key),
    Column("scopes", Text(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    Column("expires_at", BigInteger()),
    Column("revoked_at", BigInteger()),
    PrimaryKeyConstraint("id"),
)

credential_grant = Table(
    "credential_grant",
    metadata,
    Column("credential_id", Key, nullable=False),
    Column("org_id", Key, nullable=False),
    Column("role", Key, nullable=False),
    PrimaryKeyConstraint("credential_id", "org_id"),
)

credential_use = Table(
    "credential_use",
    metadata,
    Column("credential_id", Key, nullable=False),
    # The UTC day of the last use.
    Column("day", Integer(), nullable=False),
    PrimaryKeyConstraint("credential_id"),
)
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
