"""Rows of tables into states of records, by a map: each row is a state, or is rejected with a sentence.

A row becomes the event that it would have been, and is read as one: what an event may not hold, no row may either.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from talkmeter.ingest.cells import Cells, Fill, Value, fill_of
from talkmeter.ingest.cloudevents import Sender, read_envelope
from talkmeter.ingest.event_types import Envelope
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.mapping import Map
from talkmeter.ingest.tables import Row, read_table
from talkmeter.ledger.batch import Reason
from talkmeter.records import State


class Understood(NamedTuple):
    """A row that is a state of a record."""

    number: int
    state: State


class RejectedRow(NamedTuple):
    """A row that cannot be counted: why, and the cells that the map reads, none where they cannot be trusted."""

    number: int
    reason: str
    cells: Cells


class MappedPart(NamedTuple):
    """Some rows of a file as they were understood, and how many bytes of it they took."""

    understood: list[Understood]
    rejected: list[RejectedRow]
    size: int


def read_mapped(path: Path, map_: Map, sender: Sender) -> Iterator[MappedPart]:
    """The rows of a file, a bounded number at a time. Refused where the file cannot be read by the map."""
    read_row = row_reader(map_, sender)
    for part in read_table(path, map_):
        mapped = MappedPart([], [], part.size)
        for row in part.rows:
            one = read_row(row)
            if isinstance(one, Understood):
                mapped.understood.append(one)
            else:
                mapped.rejected.append(one)
        yield mapped


def row_reader(map_: Map, sender: Sender) -> Callable[[Row], Understood | RejectedRow]:
    """How one row is read, made once for all rows; never raises for what stands in them."""
    fills = {name: fill_of(map_, name) for name in map_.fields}
    data_fills = [(name.removeprefix("data."), fill) for name, fill in fills.items() if name.startswith("data.")]
    id_, time, sequence = fills["event.id"], fills["event.time"], fills.get("event.sequence")
    encode = msgspec.json.Encoder().encode

    def read(row: Row) -> Understood | RejectedRow:
        if row.wrong is not None:
            return RejectedRow(row.number, f"{row.wrong}.", ())
        cells = row.cells
        try:
            data = {name: fill(cells) for name, fill in data_fills}
            envelope = Envelope(
                specversion="1.0",
                id=_required("event.id", id_, cells),
                source=map_.source,
                type=map_.type,
                time=_required("event.time", time, cells),
                data=msgspec.Raw(encode(data)),
            )
            if sequence is not None and (told := sequence(cells)):
                envelope.sequence = msgspec.Raw(encode(told))
            return Understood(row.number, read_envelope(envelope, sender))
        except FieldError as error:
            return RejectedRow(row.number, error.detail, cells)

    return read


def _required(name: str, fill: Fill, cells: Cells) -> str:
    value: Value = fill(cells)
    if isinstance(value, str) and value:
        return value
    raise FieldError(Reason.INVALID_ENVELOPE, f"{name} is empty.")
