"""The database: engines, tables, statements, migrations and errors; it knows no usage."""
