"""Alembic's entry point: runs the migrations on the connection that `db/migrate.py` passes."""

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
