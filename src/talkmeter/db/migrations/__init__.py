"""Alembic migrations: they create the tables and bring existing databases to this version."""
