"""`talkmeter ingest`: write event files, or tables read by a map, to the ledger."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from talkmeter.cli.progress import count_rows, print_receipts, progress_bar
from talkmeter.errors import OperationFailed
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from talkmeter.cli.rejected import RejectedRows
    from talkmeter.ingest.files import FileBatch
    from talkmeter.ingest.maps import Map
    from talkmeter.ledger.batch import BatchResult
    from talkmeter.ledger.writer import Writer

MAX_BATCHES_IN_FLIGHT: Final = 2
TABLES: Final = (".csv", ".tsv", ".parquet", ".pq", ".xlsx")
COMPRESSED: Final = (".gz", ".zst")
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option(
    "--map",
    "map_file",
    type=_FILE,
    help="A TOML file that maps the columns of CSV, JSON lines, Parquet or Excel files to event fields.",
)
@click.option("--org", "org_id", help="With --map: the organization of the records, unless the map sets it.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show the first records and errors.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --map: write rows that cannot be counted to this file, with the reason.",
)
def ingest(
    files: tuple[Path, ...], map_file: Path | None, org_id: str | None, dry_run: bool, rejected: Path | None
) -> None:
    """Ingest CloudEvents as JSON lines, or tables with --map. Safe to repeat: an event counts once."""
    if map_file is None:
        _check_options_without_map(files, org_id, rejected)
        if dry_run:
            from talkmeter.cli.dry_run import show_events

            show_events(files)
        else:
            _ingest_events(files)
        return
    from talkmeter.cli.rejected import rejected_rows
    from talkmeter.ingest.mapping import read_map

    map_ = read_map(map_file, org_id)
    with rejected_rows(rejected, map_, map_file, files) as rows:
        if dry_run:
            from talkmeter.cli.dry_run import show_rows

            show_rows(files, map_, rows)
        else:
            _ingest_tables(files, map_, rows)
    if rejected is not None and rows.number:
        click.echo(f"Rejected rows, with reasons, are in {rejected}", err=True)


def _check_options_without_map(files: tuple[Path, ...], org_id: str | None, rejected: Path | None) -> None:
    if rejected is not None:
        raise OperationFailed("--rejected needs --map; events that cannot be counted go to quarantine.")
    if org_id is not None:
        raise OperationFailed("--org needs --map; each event in a JSON lines file names its organization.")
    for path in files:
        name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
        if name.suffix.lower() in TABLES:
            raise OperationFailed(f"{path} is a table; map its columns with --map (docs/how-to/import-files.md).")


class Tally:
    """Counts of the events written so far, by result."""

    def __init__(self) -> None:
        """Start at zero."""
        self.accepted = self.duplicate = self.conflicting = self.stale = self.quarantined = 0

    def add(self, results: "list[BatchResult]") -> None:
        """Add the results of one batch."""
        for result in results:
            self.accepted += result.accepted
            self.duplicate += result.duplicate
            self.conflicting += result.conflicting
            self.stale += result.stale
            self.quarantined += len(result.quarantined)

    @property
    def events(self) -> int:
        """The number of all events."""
        return self.accepted + self.duplicate + self.conflicting + self.stale + self.quarantined

    @property
    def counts(self) -> str:
        """The number of events by result."""
        return (
            f"{self.accepted:,} accepted, {self.duplicate:,} duplicate, "
            f"{self.conflicting:,} conflicting, {self.stale:,} stale, {self.quarantined:,} quarantined"
        )

    def __str__(self) -> str:
        """Return all counts in one line."""
        return f"{self.events:,} events: {self.counts}."


def _ingest_events(files: tuple[Path, ...]) -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.files import read_batches

    sender = Sender("command line", None)
    tally = _write_files(files, lambda _, path: read_batches(path, sender))
    click.echo(str(tally))
    _point_to_quarantine(tally)


def _ingest_tables(files: tuple[Path, ...], map_: "Map", rejected: "RejectedRows") -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.file_receipt import FileReceipt
    from talkmeter.ingest.files import FileBatch
    from talkmeter.ingest.filling import fill_update
    from talkmeter.ingest.mapped import read_mapped
    from talkmeter.ingest.tables.read import check_table

    sender = Sender("command line", None)
    receipts = [FileReceipt(path, map_) for path in files]
    # A damaged file is noticed before anything of it is written.
    for path in files:
        check_table(path, map_)

    def batches(index: int, path: Path) -> "Iterator[FileBatch]":
        for part in read_mapped(path, map_, sender):
            rejected.add(path, part.rejected)
            receipts[index].add(part)
            states = [row.state for row in part.accepted]
            yield FileBatch(list(map(fill_update, states)) if map_.rows.fill else states, part.size)

    tally = _write_files(files, batches)
    for sentence in (*rejected.first, *(warning for receipt in receipts for warning in receipt.warnings)):
        click.echo(sentence, err=True)
    skipped = sum(receipt.skipped for receipt in receipts)
    click.echo(
        f"{count_rows(sum(receipt.rows for receipt in receipts))}: {tally.counts}, "
        + (f"{skipped:,} skipped, " if skipped else "")
        + f"{rejected.number:,} rejected."
    )
    print_receipts(files, receipts)
    _point_to_quarantine(tally)


def _point_to_quarantine(tally: Tally) -> None:
    if tally.quarantined:
        click.echo("'talkmeter quarantine list' shows the events that could not be understood.", err=True)


def _write_files(files: tuple[Path, ...], batches_of: "Callable[[int, Path], Iterator[FileBatch]]") -> Tally:
    """Write the batches of all files and return the counts. `batches_of` gets the index of a file and the file."""
    from talkmeter.cli.database import open_database
    from talkmeter.ledger.writer import Writer

    settings = load_settings()
    tally = Tally()
    with open_database(settings, bulk=True) as engine:
        writer = Writer(engine, keep_history=settings.history_days != 0)
        try:
            _write_batches(files, batches_of, writer, tally)
        except KeyboardInterrupt:
            writer.close()
            click.echo(f"Interrupted; {tally} Run the command again to continue: nothing is counted twice.", err=True)
            sys.exit(130)
        finally:
            writer.close()
    return tally


def _write_batches(
    files: tuple[Path, ...], batches_of: "Callable[[int, Path], Iterator[FileBatch]]", writer: "Writer", tally: Tally
) -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.requests import group_by_organization

    sender = Sender("command line", None)
    in_flight: deque[tuple[list[Future[BatchResult]], int]] = deque()
    with progress_bar(files) as (begin, advance):

        def finish_oldest() -> None:
            futures, size = in_flight.popleft()
            tally.add([future.result() for future in futures])
            advance(size)

        for index, path in enumerate(files):
            begin(path)
            for batch in batches_of(index, path):
                while len(in_flight) >= MAX_BATCHES_IN_FLIGHT:
                    finish_oldest()
                in_flight.append((writer.submit(group_by_organization(batch.events, sender)), batch.size))
        while in_flight:
            finish_oldest()
