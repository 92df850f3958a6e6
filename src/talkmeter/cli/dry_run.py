"""`talkmeter ingest --dry-run`: read the files, print the first records and errors, write nothing."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from talkmeter.cli.progress import count_rows, print_receipts, progress_bar
from talkmeter.cli.rejected import MAX_PRINTED
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.file_receipt import FileReceipt
from talkmeter.ingest.files import read_batches
from talkmeter.ingest.mapped import read_mapped
from talkmeter.ingest.tables.read import row_name
from talkmeter.ledger.batch import Rejection
from talkmeter.period import format_instant
from talkmeter.records import State

if TYPE_CHECKING:
    from talkmeter.cli.rejected import RejectedRows
    from talkmeter.ingest.maps import Map

MAX_RECORDS: Final = 5
_SENDER: Final = Sender("command line", None)


def show_rows(files: tuple[Path, ...], map_: "Map", rejected: "RejectedRows") -> None:
    """Print the first records and errors of tables, and the number of each."""
    receipts = [FileReceipt(path, map_) for path in files]
    first: list[str] = []
    with progress_bar(files) as (begin, advance):
        for path, receipt in zip(files, receipts, strict=True):
            begin(path)
            for part in read_mapped(path, map_, _SENDER):
                receipt.add(part)
                first.extend(
                    "\n".join(_describe(row_name(path, map_, row.number), row.state))
                    for row in part.accepted[: MAX_RECORDS - len(first)]
                )
                rejected.add(path, part.rejected)
                advance(part.size)
    for text in (*first, *rejected.first, *(warning for receipt in receipts for warning in receipt.warnings)):
        click.echo(text)
    rows, skipped = (sum(numbers) for numbers in zip(*((one.rows, one.skipped) for one in receipts), strict=True))
    click.echo(
        f"{count_rows(rows)}: {rows - skipped - rejected.number:,} understood, "
        + (f"{skipped:,} skipped, " if skipped else "")
        + f"{rejected.number:,} rejected. Nothing was written."
    )
    print_receipts(files, receipts)


def show_events(files: tuple[Path, ...]) -> None:
    """Print the first records and errors of event files, and the number of each."""
    understood = rejected = 0
    first: list[str] = []
    errors: list[str] = []
    with progress_bar(files) as (begin, advance):
        for path in files:
            begin(path)
            number = 0
            for batch in read_batches(path, _SENDER):
                for event in batch.events:
                    number += 1
                    place = f"{path}, event {number}"
                    if isinstance(event, Rejection):
                        rejected += 1
                        if len(errors) < MAX_PRINTED:
                            errors.append(f"{place}: {event.detail}")
                    elif isinstance(event, State):
                        understood += 1
                        if len(first) < MAX_RECORDS:
                            first.append("\n".join(_describe(place, event)))
                advance(batch.size)
    for text in chain(first, errors):
        click.echo(text)
    click.echo(
        f"{understood + rejected:,} events: {understood:,} understood, {rejected:,} for the quarantine. "
        "Nothing was written."
    )


def _describe(place: str, state: State) -> Iterator[str]:
    """Yield three lines for a state: the record, its fields, its event."""
    yield f"{place}: {state.kind} {state.id} of {state.org_id}"
    fields = {} if state.record is None else asdict(state.record)
    values = ", ".join(f"{name} {_format(name, value)}" for name, value in fields.items() if value is not None)
    yield f"  {values or 'the record is deleted'}"
    sequence = f", sequence {state.sequence}" if state.sequence else ""
    yield f"  event {state.event_id} of {state.source}, {format_instant(state.time)}{sequence}"


def _format(name: str, value: str | int) -> str:
    """Return an instant as ISO 8601, a flag as yes or no, anything else as text."""
    if name == "created_at":
        return format_instant(int(value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
