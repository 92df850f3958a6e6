"""Turn rows of tables into states of records, by a map. Invalid rows are rejected with a sentence.

A row is converted to an event and then read like any event, so the same rules apply to both.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from talkmeter.ingest.cells import Cells, ReadField, Value, field_reader
from talkmeter.ingest.cloudevents import Sender, read_envelope
from talkmeter.ingest.event_types import Envelope
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.mapping import Map
from talkmeter.ingest.tables import TableRow, read_table
from talkmeter.ledger.batch import Reason
from talkmeter.records import State


class AcceptedRow(NamedTuple):
    """A valid row, as the state of a record."""

    number: int
    state: State


class RejectedRow(NamedTuple):
    """An invalid row: the reason, and the cells that the map reads; no cells if they may be in the wrong columns."""

    number: int
    reason: str
    cells: Cells


class MappedPart(NamedTuple):
    """Some rows of a file, and their size in bytes."""

    accepted: list[AcceptedRow]
    rejected: list[RejectedRow]
    size: int


def read_mapped(path: Path, map_: Map, sender: Sender) -> Iterator[MappedPart]:
    """Yield the rows of a file in parts of bounded size. Raises OperationFailed if the map does not fit the file."""
    read_row = row_reader(map_, sender)
    for part in read_table(path, map_):
        mapped = MappedPart([], [], part.size)
        for row in part.rows:
            result = read_row(row)
            if isinstance(result, AcceptedRow):
                mapped.accepted.append(result)
            else:
                mapped.rejected.append(result)
        yield mapped


def row_reader(map_: Map, sender: Sender) -> Callable[[TableRow], AcceptedRow | RejectedRow]:
    """Return a function that reads one row of the map. It never raises for the content of a row."""
    readers = {name: field_reader(map_, name) for name in map_.fields}
    data_readers = [(name.removeprefix("data."), read) for name, read in readers.items() if name.startswith("data.")]
    id_, time, sequence = readers["event.id"], readers["event.time"], readers.get("event.sequence")
    encode = msgspec.json.Encoder().encode

    def read(row: TableRow) -> AcceptedRow | RejectedRow:
        if row.error is not None:
            return RejectedRow(row.number, f"{row.error}.", ())
        cells = row.cells
        try:
            data = {name: read_field(cells) for name, read_field in data_readers}
            envelope = Envelope(
                specversion="1.0",
                id=_required("event.id", id_, cells),
                source=map_.source,
                type=map_.type,
                time=_required("event.time", time, cells),
                data=msgspec.Raw(encode(data)),
            )
            if sequence is not None and (number := sequence(cells)):
                envelope.sequence = msgspec.Raw(encode(number))
            return AcceptedRow(row.number, read_envelope(envelope, sender))
        except FieldError as error:
            return RejectedRow(row.number, error.detail, cells)

    return read


def _required(name: str, read_field: ReadField, cells: Cells) -> str:
    value: Value = read_field(cells)
    if isinstance(value, str) and value:
        return value
    raise FieldError(Reason.INVALID_ENVELOPE, f"{name} is empty.")
