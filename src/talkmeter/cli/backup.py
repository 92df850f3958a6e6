"""`talkmeter backup`: copy a SQLite ledger to one file while the server runs."""

from pathlib import Path

import click

from talkmeter.errors import OperationFailed


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a consistent copy of the SQLite ledger to FILE. The server can keep running."""
    from talkmeter.cli.database import open_database
    from talkmeter.db.engine import open_engine, translate_errors
    from talkmeter.db.sqlite import file_url, write_copy
    from talkmeter.ledger.copy import assign_new_identity

    if file.exists():
        raise OperationFailed(f"{file} already exists; choose another file.")
    if not file.absolute().parent.is_dir():
        raise OperationFailed(f"The folder {file.absolute().parent} does not exist; create it first.")
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        with open_database() as engine:
            if engine.dialect.name != "sqlite":
                raise OperationFailed(
                    "This command only copies SQLite ledgers; back up PostgreSQL with pg_dump or a base backup."
                )
            with translate_errors():
                write_copy(engine, part)
        copy = open_engine(file_url(part))
        assign_new_identity(copy)
        copy.dispose()
        part.replace(file)
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            leftover.unlink(missing_ok=True)
    click.echo(f"{file.stat().st_size:,} bytes in {file}; check it with 'talkmeter verify'.", err=True)
