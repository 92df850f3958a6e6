"""Rows of an export as CSV, JSON lines or Parquet: the columns say what a value is, the format how it is written."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from typing import IO, Final, Literal, NamedTuple, TypeVar, get_args

import msgspec

from talkmeter.errors import Unprocessable
from talkmeter.period import format_day, format_instant

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
MEDIA_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
Content = Literal["text", "integer", "decimal", "flag", "instant", "day"]
Cell = str | int | float | bool | None
Cells = tuple[Cell, ...]
OnProgress = Callable[[], None]
"""Called each time some rows have been written."""

ROWS_AT_ONCE: Final = 2_000
_ROWS_IN_GROUP: Final = 50_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_E_164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_BOM: Final = b"\xef\xbb\xbf"
Row = TypeVar("Row")


class Column(NamedTuple):
    """A column: instants are microseconds and days days since 1970 until they are written."""

    name: str
    content: Content


def write_rows(
    format_: Format, columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress
) -> None:
    """Write all rows, a part at a time. Unprocessable where Parquet is asked for and pyarrow is not installed."""
    _WRITERS[format_](columns, rows, out, on_progress)


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula; a phone number (E.164) stays as it is."""
    return "'" + text if text.startswith(_FORMULA) and not _E_164.fullmatch(text) else text


def require_parquet() -> None:
    """Unprocessable where pyarrow is not installed, before anything is read."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  an optional part
    except ImportError:
        raise Unprocessable(
            "Parquet needs an optional part that is not installed here: pip install 'talkmeter[parquet]'. "
            "format=csv and format=jsonl work without it."
        ) from None


def _write_csv(columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress) -> None:
    out.write(_BOM)
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for part in _parts(rows, ROWS_AT_ONCE):
        writer.writerows(
            [[_CSV[column.content](cell) for column, cell in zip(columns, row, strict=True)] for row in part]
        )
        text.flush()
        on_progress()
    text.flush()
    text.detach()


def _write_json_lines(
    columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress
) -> None:
    encoder = msgspec.json.Encoder()
    names = [column.name for column in columns]
    for part in _parts(rows, ROWS_AT_ONCE):
        lines = [dict(zip(names, map(_written, columns, row), strict=True)) for row in part]
        out.write(encoder.encode_lines(lines))
        on_progress()


def _write_parquet(columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress) -> None:
    require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional part
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "decimal": pa.float64(),
        "flag": pa.bool_(),
        "instant": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
    }
    schema = pa.schema([(column.name, types[column.content]) for column in columns])
    with pq.ParquetWriter(out, schema) as writer:
        for part in _parts(rows, _ROWS_IN_GROUP):
            arrays = [
                pa.array(cells, type=field.type) for cells, field in zip(zip(*part, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            on_progress()


def _written(column: Column, cell: Cell) -> Cell:
    """Instants and days as ISO 8601; everything else as it is."""
    if cell is None or isinstance(cell, str):
        return cell
    if column.content == "instant":
        return format_instant(int(cell))
    return format_day(int(cell)) if column.content == "day" else cell


_CSV: Final[dict[Content, Callable[[Cell], Cell]]] = {
    "text": lambda cell: cell if cell is None else guarded(str(cell)),
    "integer": lambda cell: cell,
    "decimal": lambda cell: cell,
    "flag": lambda cell: "true" if cell else "false",
    "instant": lambda cell: None if cell is None else format_instant(int(cell)),
    "day": lambda cell: None if cell is None else format_day(int(cell)),
}
_WRITERS: Final = {"csv": _write_csv, "jsonl": _write_json_lines, "parquet": _write_parquet}


def _parts(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        yield part
