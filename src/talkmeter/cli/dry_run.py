"""`talkmeter ingest --dry-run`: files are read to their end, nothing is written, what comes first is shown."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from talkmeter.cli.progress import progress_of, rows_of
from talkmeter.cli.rejected import FIRST_TOLD
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.files import read_batches
from talkmeter.ingest.mapped import read_mapped
from talkmeter.ingest.tables import row_name
from talkmeter.ledger.batch import Rejection
from talkmeter.period import format_instant
from talkmeter.records import State

if TYPE_CHECKING:
    from talkmeter.cli.rejected import RejectedRows
    from talkmeter.ingest.mapping import Map

FIRST_SHOWN: Final = 5
_SENDER: Final = Sender("command line", None)


def show_rows(files: tuple[Path, ...], map_: "Map", rejected: "RejectedRows") -> None:
    """The first rows of tables as records, the first errors, and how many there are of each."""
    understood = 0
    first: list[str] = []
    with progress_of(files) as (begin, advance):
        for path in files:
            begin(path)
            for part in read_mapped(path, map_, _SENDER):
                understood += len(part.understood)
                first.extend(
                    "\n".join(_told(row_name(path, map_, one.number), one.state))
                    for one in part.understood[: FIRST_SHOWN - len(first)]
                )
                rejected.take(path, part.rejected)
                advance(part.size)
    for text in chain(first, rejected.first):
        click.echo(text)
    click.echo(
        f"{rows_of(understood + rejected.number)}: {understood:,} understood, {rejected.number:,} rejected. "
        "Nothing was written."
    )


def show_events(files: tuple[Path, ...]) -> None:
    """The first events of files as records, the first errors, and how many there are of each."""
    understood = rejected = 0
    first: list[str] = []
    errors: list[str] = []
    with progress_of(files) as (begin, advance):
        for path in files:
            begin(path)
            number = 0
            for batch in read_batches(path, _SENDER):
                for arrival in batch.arrivals:
                    number += 1
                    place = f"{path}, event {number}"
                    if isinstance(arrival, Rejection):
                        rejected += 1
                        if len(errors) < FIRST_TOLD:
                            errors.append(f"{place}: {arrival.detail}")
                    else:
                        understood += 1
                        if len(first) < FIRST_SHOWN:
                            first.append("\n".join(_told(place, arrival)))
                advance(batch.size)
    for text in chain(first, errors):
        click.echo(text)
    click.echo(
        f"{understood + rejected:,} events: {understood:,} understood, {rejected:,} for the quarantine. "
        "Nothing was written."
    )


def _told(place: str, state: State) -> Iterator[str]:
    """A state in three lines: what it is of, what it tells, and its event."""
    yield f"{place}: {state.kind} {state.id} of {state.org_id}"
    fields = {} if state.record is None else asdict(state.record)
    told = ", ".join(f"{name} {_word(name, value)}" for name, value in fields.items() if value is not None)
    yield f"  {told or 'tells that the record is deleted'}"
    sequence = f", sequence {state.sequence}" if state.sequence else ""
    yield f"  event {state.event_id} of {state.source}, {format_instant(state.time)}{sequence}"


def _word(name: str, value: str | int) -> str:
    """An instant as a date and time, a flag in words, anything else as it is."""
    if name == "created_at":
        return format_instant(int(value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
