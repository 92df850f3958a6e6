"""`talkmeter ingest`: files of events, and tables read by a map, straight into the ledger."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from talkmeter.cli.progress import progress_of, rows_of
from talkmeter.errors import Refused
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from talkmeter.cli.rejected import RejectedRows
    from talkmeter.ingest.files import Batch
    from talkmeter.ingest.mapping import Map
    from talkmeter.ledger.batch import BatchResult
    from talkmeter.ledger.writer import Writer

BATCHES_IN_FLIGHT: Final = 2
TABLES: Final = (".csv", ".tsv", ".parquet", ".pq")
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--map", "map_file", type=_FILE, help="The files are CSV or Parquet; this TOML says what columns mean.")
@click.option("--org", "org_id", help="With --map: whose records these are, where the map does not say.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show the first records and the first errors.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --map: a file for the rows that cannot be counted, each with the reason.",
)
def ingest(
    files: tuple[Path, ...], map_file: Path | None, org_id: str | None, dry_run: bool, rejected: Path | None
) -> None:
    """Meter files of CloudEvents as JSON lines, or tables by a map. Safe to repeat: an event counts once."""
    if map_file is None:
        _refuse_what_needs_a_map(files, org_id, rejected)
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
        click.echo(f"The rejected rows, with reasons: {rejected}", err=True)


def _refuse_what_needs_a_map(files: tuple[Path, ...], org_id: str | None, rejected: Path | None) -> None:
    if rejected is not None:
        raise Refused("--rejected is for tables, read with --map; events that cannot be counted go to quarantine.")
    if org_id is not None:
        raise Refused("--org is for tables, read with --map; each line of events names its organization.")
    for path in files:
        if path.suffix.lower() in TABLES:
            raise Refused(f"{path} is a table: say with --map what its columns mean (docs/how-to/import-files.md).")


class Tally:
    """What has been written so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.accepted = self.duplicate = self.conflicting = self.stale = self.quarantined = 0

    def add(self, parts: "list[BatchResult]") -> None:
        """Count what one batch came to."""
        for part in parts:
            self.accepted += part.accepted
            self.duplicate += part.duplicate
            self.conflicting += part.conflicting
            self.stale += part.stale
            self.quarantined += len(part.quarantined)

    @property
    def events(self) -> int:
        """All of them."""
        return self.accepted + self.duplicate + self.conflicting + self.stale + self.quarantined

    @property
    def bins(self) -> str:
        """How many ended in each bin."""
        return (
            f"{self.accepted:,} accepted, {self.duplicate:,} duplicate, "
            f"{self.conflicting:,} conflicting, {self.stale:,} stale, {self.quarantined:,} quarantined"
        )

    def __str__(self) -> str:
        """One line of counts."""
        return f"{self.events:,} events: {self.bins}."


def _ingest_events(files: tuple[Path, ...]) -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.files import read_batches

    sender = Sender("command line", None)
    tally = _write_files(files, lambda path: read_batches(path, sender))
    click.echo(str(tally))
    _point_to_quarantine(tally)


def _ingest_tables(files: tuple[Path, ...], map_: "Map", rejected: "RejectedRows") -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.files import Batch
    from talkmeter.ingest.mapped import read_mapped

    sender = Sender("command line", None)

    def batches(path: Path) -> "Iterator[Batch]":
        for part in read_mapped(path, map_, sender):
            rejected.take(path, part.rejected)
            yield Batch([one.state for one in part.understood], part.size)

    tally = _write_files(files, batches)
    for sentence in rejected.first:
        click.echo(sentence, err=True)
    click.echo(f"{rows_of(tally.events + rejected.number)}: {tally.bins}, {rejected.number:,} rejected.")
    _point_to_quarantine(tally)


def _point_to_quarantine(tally: Tally) -> None:
    if tally.quarantined:
        click.echo("'talkmeter quarantine list' shows what could not be understood.", err=True)


def _write_files(files: tuple[Path, ...], batches_of: "Callable[[Path], Iterator[Batch]]") -> Tally:
    """Write the batches of all files; what they came to."""
    from talkmeter.cli.database import opened
    from talkmeter.ledger.writer import Writer

    settings = load_settings()
    tally = Tally()
    with opened(settings, bulk=True) as engine:
        writer = Writer(engine, keep_history=settings.history_days != 0)
        try:
            _write_batches(files, batches_of, writer, tally)
        except KeyboardInterrupt:
            writer.close()
            click.echo(f"Stopped; {tally} Run it again to go on: nothing is counted twice.", err=True)
            sys.exit(130)
        finally:
            writer.close()
    return tally


def _write_batches(
    files: tuple[Path, ...], batches_of: "Callable[[Path], Iterator[Batch]]", writer: "Writer", tally: Tally
) -> None:
    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.requests import group_by_organization

    sender = Sender("command line", None)
    in_flight: deque[tuple[Future[list[BatchResult]], int]] = deque()
    with progress_of(files) as (begin, advance):

        def finish_oldest() -> None:
            future, size = in_flight.popleft()
            tally.add(future.result())
            advance(size)

        for path in files:
            begin(path)
            for batch in batches_of(path):
                while len(in_flight) >= BATCHES_IN_FLIGHT:
                    finish_oldest()
                in_flight.append((writer.submit(group_by_organization(batch.arrivals, sender)), batch.size))
        while in_flight:
            finish_oldest()
