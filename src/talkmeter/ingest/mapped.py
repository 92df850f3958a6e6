"""Turn rows of tables into states of records, by a map. Invalid rows are rejected with a sentence.

A row is converted to an event and then read like any event, so the same rules apply to both.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import fields as fields_of

from talkmeter.errors import quoted
from talkmeter.ingest.cells import Cells, ReadField, Value, constant_text, field_reader
from talkmeter.ingest.cloudevents import Sender, read_state
from talkmeter.ingest.durations import CLOCK_UNITS
from talkmeter.ingest.event_types import Envelope
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.maps import Map, columns_of, data_type
from talkmeter.ingest.merged import MergedCalls
from talkmeter.ingest.tables.parts import ROWS_PER_PART, TableRow
from talkmeter.ingest.tables.read import read_table
from talkmeter.ledger.batch import Reason
from talkmeter.records import State

_ENVELOPE_NAMES: Final = {"id": "event.id", "time": "event.time", "sequence": "event.sequence"}
_WITHOUT_TALK: Final = frozenset({"unanswered", "failed", "cancelled"})


class AcceptedRow(NamedTuple):
    """A valid row, as the state of a record."""

    number: int
    state: State


class RejectedRow(NamedTuple):
    """An invalid row: the reason, and the cells that the map reads; no cells if they may be in the wrong columns."""

    number: int
    reason: str
    cells: Cells


class SkippedRow(NamedTuple):
    """A row that the map leaves out, or a row of totals."""

    number: int


class MappedPart(NamedTuple):
    """Some rows of a file, and their size in bytes; `merged` is the number of rows that became part of another row."""

    accepted: list[AcceptedRow]
    rejected: list[RejectedRow]
    skipped: list[SkippedRow]
    size: int
    merged: int = 0


ReadRow = Callable[[TableRow], AcceptedRow | RejectedRow | SkippedRow]


def read_mapped(path: Path, map_: Map, sender: Sender) -> Iterator[MappedPart]:
    """Yield the rows of a file in parts of bounded size. Raises OperationFailed if the map does not fit the file.

    If the map merges rows, the calls follow the last row.
    """
    merge = map_.rows.merge
    parts = _read_parts(path, map_, sender)
    return parts if merge is None else _merge_parts(parts, MergedCalls(merge))


def _read_parts(path: Path, map_: Map, sender: Sender) -> Iterator[MappedPart]:
    read_row = row_reader(map_, sender)
    for part in read_table(path, map_):
        mapped = MappedPart([], [], [], part.size)
        for row in part.rows:
            match read_row(row):
                case AcceptedRow() as accepted:
                    mapped.accepted.append(accepted)
                case RejectedRow() as rejected:
                    mapped.rejected.append(rejected)
                case skipped:
                    mapped.skipped.append(skipped)
        yield mapped


def _merge_parts(parts: Iterator[MappedPart], merged: MergedCalls) -> Iterator[MappedPart]:
    rows = 0
    for part in parts:
        for number, state in part.accepted:
            merged.add(number, state)
        rows += len(part.accepted)
        yield part._replace(accepted=[])
    calls = (AcceptedRow(number, state) for number, state in merged.calls())
    while accepted := list(islice(calls, ROWS_PER_PART)):
        rows -= len(accepted)
        yield MappedPart(accepted, [], [], 0)
    yield MappedPart([], [], [], 0, merged=rows)


def row_reader(map_: Map, sender: Sender) -> ReadRow:
    """Return a function that reads one row of the map. It never raises for the content of a row."""
    indexes = {column: index for index, column in enumerate(map_.columns)}
    skips = [(indexes[name], frozenset(map(constant_text, texts))) for name, texts in map_.rows.skip.items()]
    read_event = _event_reader(map_)

    def read(row: TableRow) -> AcceptedRow | RejectedRow | SkippedRow:
        if row.error is not None:
            return SkippedRow(row.number) if row.is_total else RejectedRow(row.number, f"{row.error}.", ())
        cells = row.cells
        if any(cells[index].strip() in texts for index, texts in skips):
            return SkippedRow(row.number)
        try:
            return AcceptedRow(row.number, read_state(read_event(cells), sender))
        except FieldError as error:
            # A call may have a word such as "Total" in its first column, so only a row that is not a call is skipped.
            if row.is_total:
                return SkippedRow(row.number)
            return RejectedRow(row.number, _with_column(error.detail, map_), cells)

    return read


def _event_reader(map_: Map) -> Callable[[Cells], Envelope]:
    """Return the function that makes an event of a row. It raises FieldError if a field is invalid."""
    readers = {name: field_reader(map_, name) for name in map_.fields}
    required = {f"data.{field.name}" for field in fields_of(data_type(map_.type)) if field.required}
    data_readers = [
        (name.removeprefix("data."), _required(map_, name, read) if name in required else read)
        for name, read in readers.items()
        if name.startswith("data.")
    ]
    id_, time = (_required(map_, name, readers[name]) for name in ("event.id", "event.time"))
    sequence = readers.get("event.sequence")
    duration = map_.fields.get("data.duration")
    is_clock = duration is not None and duration.unit in CLOCK_UNITS
    encode = msgspec.json.Encoder().encode

    def read(cells: Cells) -> Envelope:
        data: dict[str, Value] = {name: read_field(cells) for name, read_field in data_readers}
        if is_clock and data.get("status") in _WITHOUT_TALK and _is_zero(data["duration"]):
            # A clock always shows digits, so 00:00 of a call without a talk is how it shows no duration.
            data["duration"] = None
        envelope = Envelope(
            specversion="1.0",
            id=str(id_(cells)),
            source=map_.source,
            type=map_.type,
            time=str(time(cells)),
            data=msgspec.Raw(encode(data)),
        )
        if sequence is not None and (number := sequence(cells)):
            envelope.sequence = msgspec.Raw(encode(number))
        return envelope

    return read


def _with_column(detail: str, map_: Map) -> str:
    """Add the column to a sentence that begins with the name of a field and does not name a column yet."""
    name = re.split(r"[:, ]", detail, maxsplit=1)[0]
    field = map_.fields.get(_ENVELOPE_NAMES.get(name, name))
    columns = [] if field is None or "column" in detail else list(columns_of(field))
    if not columns:
        return detail
    noun = "column" if len(columns) == 1 else "columns"
    return f"{detail.removesuffix('.')} ({noun} {', '.join(map(quoted, columns))})."


def _is_zero(duration: Value) -> bool:
    return isinstance(duration, msgspec.Raw) and Decimal(bytes(duration).decode()) == 0


def _required(map_: Map, name: str, read_field: ReadField) -> ReadField:
    """Return a function that reads a field and raises FieldError if it is empty; it names the columns."""
    names = " and ".join(map(quoted, columns_of(map_.fields[name])))
    noun = "columns" if " and " in names else "column"
    detail = f"{name}: the {noun} {names or '(a constant)'} {'have' if noun == 'columns' else 'has'} no value, but "
    detail += f"{'each event' if name.startswith('event.') else map_.type} needs one."
    reason = Reason.INVALID_ENVELOPE if name.startswith("event.") else Reason.INVALID_DATA

    def read(cells: Cells) -> Value:
        value = read_field(cells)
        if value is None or value == "":
            raise FieldError(reason, detail)
        return value

    return read
