"""Alembic's entry: runs the steps on the connection that `db/migrate.py` hands over."""

from alembic import context

from talkmeter.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    version_table="schema_version",
)
with context.begin_transaction():
    context.run_migrations()
