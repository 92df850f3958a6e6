"""The metadata that all tables belong to, and the type of their keys."""

from typing import Final

from sqlalchemy import MetaData, Text

metadata = MetaData(
    naming_convention={"pk": "%(table_name)s_pk", "ix": "%(table_name)s_%(column_0_N_name)s"},
)

Key: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in byte order on every engine, the order in which Python sorts it."""
