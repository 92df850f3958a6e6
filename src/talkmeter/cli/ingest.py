"""`talkmeter ingest`: files of events straight into the ledger."""

import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from talkmeter.ledger.arrivals import Written
    from talkmeter.ledger.writer import Writer

BATCHES_IN_FLIGHT = 4


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def ingest(files: tuple[Path, ...]) -> None:
    """Meter files of CloudEvents as JSON lines. Safe to repeat: an event counts once, however often it comes."""
    from talkmeter.cli.database import opened
    from talkmeter.ledger.writer import Writer

    settings = load_settings()
    tally = Tally()
    with opened(settings) as engine:
        writer = Writer(engine, keep_history=settings.history_days != 0)
        try:
            _ingest_files(files, writer, tally)
        except KeyboardInterrupt:
            writer.close()
            click.echo(f"Stopped; {tally} Run it again to go on: nothing is counted twice.", err=True)
            sys.exit(130)
        finally:
            writer.close()
    click.echo(str(tally))
    if tally.quarantined:
        click.echo("'talkmeter quarantine list' shows what could not be understood.", err=True)


class Tally:
    """What has been written so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.accepted = self.duplicate = self.conflicting = self.stale = self.quarantined = 0

    def add(self, parts: "list[Written]") -> None:
        """Count what one batch came to."""
        for part in parts:
            self.accepted += part.accepted
            self.duplicate += part.duplicate
            self.conflicting += part.conflicting
            self.stale += part.stale
            self.quarantined += len(part.quarantined)

    def __str__(self) -> str:
        """One line of counts."""
        events = self.accepted + self.duplicate + self.conflicting + self.stale + self.quarantined
        return (
            f"{events:,} events: {self.accepted:,} accepted, {self.duplicate:,} duplicate, "
            f"{self.conflicting:,} conflicting, {self.stale:,} stale, {self.quarantined:,} quarantined."
        )


def _ingest_files(files: tuple[Path, ...], writer: "Writer", tally: Tally) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from talkmeter.ingest.cloudevents import Sender
    from talkmeter.ingest.files import read_batches
    from talkmeter.ingest.requests import group_by_organization

    sender = Sender("command line", None)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    in_flight: deque[tuple[Future[list[Written]], int]] = deque()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("ingest", total=sum(path.stat().st_size for path in files))

        def finish_oldest() -> None:
            future, size = in_flight.popleft()
            tally.add(future.result())
            progress.advance(task, size)

        for path in files:
            progress.update(task, description=path.name)
            for batch in read_batches(path, sender):
                while len(in_flight) >= BATCHES_IN_FLIGHT:
                    finish_oldest()
                in_flight.append((writer.submit(group_by_organization(batch.arrivals, sender)), batch.size))
        while in_flight:
            finish_oldest()
