"""`talkmeter backup`: a copy of a SQLite ledger in one file, while the server runs."""

from pathlib import Path

import click

from talkmeter.errors import Refused


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the ledger into FILE as it is at this moment; a server may run meanwhile."""
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import open_engine
    from talkmeter.db.sqlite import file_url, write_copy
    from talkmeter.ledger.copy import own_identity

    if file.exists():
        raise Refused(f"{file} is there already; name a file that is not.")
    if not file.absolute().parent.is_dir():
        raise Refused(f"The folder {file.absolute().parent} does not exist; make it first.")
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        with opened() as engine:
            if engine.dialect.name != "sqlite":
                raise Refused("This is for SQLite; a PostgreSQL database is backed up by pg_dump or a base backup.")
            write_copy(engine, part)
        made = open_engine(file_url(part))
        own_identity(made)
        made.dispose()
        part.replace(file)
    finally:
        for left in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            left.unlink(missing_ok=True)
    click.echo(f"{file.stat().st_size:,} bytes in {file}; 'talkmeter verify' proves it.", err=True)
