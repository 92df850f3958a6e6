"""The database layer: engines, tables, statements, migrations and error translation."""
