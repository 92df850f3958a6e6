"""Write the rows of an export as CSV, JSON Lines or Parquet."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from typing import IO, Final, Literal, NamedTuple, TypeVar, get_args
from unicodedata import category, normalize

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
"""Called after each block of rows is written."""

ROWS_PER_BLOCK: Final = 2_000
_ROWS_PER_GROUP: Final = 50_000
_FORMULA: Final = frozenset("=+-@\N{MINUS SIGN}")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"})
"""Categories of characters that a spreadsheet may skip before a formula."""
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters of other categories that are shown as nothing."""
_E_164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_BOM: Final = b"\xef\xbb\xbf"
Item = TypeVar("Item")


class Column(NamedTuple):
    """A column; in rows, instants are microseconds and days are days since 1970."""

    name: str
    content: Content


def write_rows(
    format_: Format, columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress
) -> None:
    """Write all rows in blocks. Raises Unprocessable if the format is Parquet and pyarrow is not installed."""
    _WRITERS[format_](columns, rows, out, on_progress)


def escape_formula(text: str) -> str:
    """Escape text that a spreadsheet could read as a formula; phone numbers (E.164) stay unchanged.

    Spreadsheets in some languages split the text at semicolons, so a formula can also begin after one.
    """
    if (text.isascii() and text[:1].isalnum() and ";" not in text) or _E_164.fullmatch(text):
        return text
    return ";".join(["'" + part if _is_formula(part) else part for part in text.split(";")])


def _is_formula(text: str) -> bool:
    """Return whether a text begins with a character of formulas, of any width, after any invisible ones."""
    if text.startswith(("\t", "\r")):
        return True
    visible = (char for char in text if category(char) not in _INVISIBLE and char not in _FILLERS)
    return normalize("NFKC", next(visible, ""))[:1] in _FORMULA


def require_parquet() -> None:
    """Raise Unprocessable if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  an optional dependency
    except ImportError:
        raise Unprocessable(
            "Parquet needs an optional dependency that is not installed: pip install 'talkmeter[parquet]'. "
            "format=csv and format=jsonl work without it."
        ) from None


def _write_csv(columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress) -> None:
    out.write(_BOM)
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for block in _blocks(rows, ROWS_PER_BLOCK):
        writer.writerows(
            [[_CSV[column.content](cell) for column, cell in zip(columns, row, strict=True)] for row in block]
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
    for block in _blocks(rows, ROWS_PER_BLOCK):
        lines = [dict(zip(names, map(_json_value, columns, row), strict=True)) for row in block]
        out.write(encoder.encode_lines(lines))
        on_progress()


def _write_parquet(columns: Sequence[Column], rows: Iterable[Cells], out: IO[bytes], on_progress: OnProgress) -> None:
    require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional dependency
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
        for block in _blocks(rows, _ROWS_PER_GROUP):
            arrays = [
                pa.array(cells, type=field.type) for cells, field in zip(zip(*block, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            on_progress()


def _json_value(column: Column, cell: Cell) -> Cell:
    """Return instants and days as ISO 8601, and other values unchanged."""
    if cell is None or isinstance(cell, str):
        return cell
    if column.content == "instant":
        return format_instant(int(cell))
    return format_day(int(cell)) if column.content == "day" else cell


_CSV: Final[dict[Content, Callable[[Cell], Cell]]] = {
    "text": lambda cell: cell if cell is None else escape_formula(str(cell)),
    "integer": lambda cell: cell,
    "decimal": lambda cell: cell,
    "flag": lambda cell: "true" if cell else "false",
    "instant": lambda cell: None if cell is None else format_instant(int(cell)),
    "day": lambda cell: None if cell is None else format_day(int(cell)),
}
_WRITERS: Final = {"csv": _write_csv, "jsonl": _write_json_lines, "parquet": _write_parquet}


def _blocks(rows: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(rows)
    while block := list(islice(iterator, size)):
        yield block
