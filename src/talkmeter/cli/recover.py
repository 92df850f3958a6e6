"""`talkmeter recover`: read what is readable of a damaged SQLite database into a new one."""

import os
import sys
from pathlib import Path

import click

from talkmeter.errors import OperationFailed

MAX_SHOWN = 50


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", required=False, type=click.Path(dir_okay=False, path_type=Path))
def recover(file: Path, new: Path | None) -> None:
    """Read what is readable of the damaged SQLite database FILE into NEW (default: FILE with -recovered).

    FILE is not changed. Prints the rows of each table and what was lost. Exit status 1 if anything was lost.
    """
    new = new or file.with_name(f"{file.stem}-recovered{file.suffix}")
    if new.exists():
        raise OperationFailed(f"{new} already exists; choose another file.")
    if not new.absolute().parent.is_dir():
        raise OperationFailed(f"The folder {new.absolute().parent} does not exist; create it first.")
    part = new.with_name(f".{new.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        is_whole = _recover(file, part)
        part.rename(new)
    except OSError as error:
        raise OperationFailed(f"Cannot recover {file} to {new}: {error.strerror or error}.") from error
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            leftover.unlink(missing_ok=True)
    click.echo(f"{new.stat().st_size:,} bytes in {new}.", err=True)
    if not is_whole:
        sys.exit(1)


def _recover(file: Path, part: Path) -> bool:
    """Recover a file and print what was read and lost; return whether nothing was lost."""
    from contextlib import closing

    from talkmeter.cli.row_decoders import table_decoders
    from talkmeter.db.engine import open_engine
    from talkmeter.db.migrate import migrate
    from talkmeter.db.salvage import PageFile
    from talkmeter.db.sqlite import file_url
    from talkmeter.ledger.recover import Recovery

    engine = open_engine(file_url(part), bulk=True)
    with closing(PageFile(file)) as source:
        migrate(engine)
        recovery = Recovery(source, engine, table_decoders())
        losses = rows = 0
        for table in recovery.copy_tables():
            rows += table.rows
            click.echo(f"{table.name}: {table.rows:,} rows read")
            _print(f"{table.name}: lost", table.losses)
            # The totals are computed from the records.
            losses += len(table.losses) if table.name not in ("usage_daily", "usage_monthly") else 0
        if not rows:
            raise OperationFailed(f"{file} has no readable row of a Talkmeter database; nothing was written.")
        differences = recovery.finish()
    engine.dispose()
    _print("not repaired", differences.found)
    _print("differs from the old daily total", differences.unlike)
    if losses or differences.found or differences.unlike:
        click.echo("Not everything was recovered. Records that are lost can be sent again; they are counted once.")
        return False
    click.echo("Everything was recovered: every daily total is the sum of its records.")
    return True


def _print(title: str, clauses: list[str]) -> None:
    for clause in clauses[:MAX_SHOWN]:
        click.echo(f"  {title}: {clause}")
    if len(clauses) > MAX_SHOWN:
        click.echo(f"  {title}: {len(clauses) - MAX_SHOWN:,} more")
