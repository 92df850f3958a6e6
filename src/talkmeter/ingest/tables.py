"""Read CSV and Parquet tables, some rows at a time, and only the columns that a map reads."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from talkmeter.errors import OperationFailed, quoted
from talkmeter.ingest.mapping import FileSection, Map, error_text, quoting_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_PART: Final = 5_000
BYTES_PER_PART: Final = 8 << 20
MAX_ROW: Final = 1 << 20
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  the text says whether it is UTC
_MAX_COLUMNS_SHOWN: Final = 20


class TableRow(NamedTuple):
    """A row with its number in the file, from 1. A row with an `error` has no cells."""

    number: int
    cells: Sequence[str]
    error: str | None = None


class TablePart(NamedTuple):
    """Some rows, and their size in bytes."""

    rows: list[TableRow]
    size: int


def read_table(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the rows of a file. Raises OperationFailed if it cannot be read or lacks a column that the map reads."""
    read = _read_parquet if map_.format_of(path) == "parquet" else _read_csv
    try:
        yield from read(path, map_)
    except OSError as error:
        raise OperationFailed(f"{path} cannot be read: {error.strerror or error_text(error)}.") from None


def row_name(path: Path, map_: Map, number: int) -> str:
    """Return a row's name for messages: the row in Parquet, its first line in CSV."""
    return f"{path}, {'row' if map_.format_of(path) == 'parquet' else 'line'} {number}"


def column_indexes(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the indexes of the wanted columns. Raises OperationFailed if one is missing or occurs twice."""
    for name in wanted:
        if name not in columns:
            names = ", ".join(map(quoted, columns[:_MAX_COLUMNS_SHOWN])) + (
                ", ..." if len(columns) > _MAX_COLUMNS_SHOWN else ""
            )
            raise OperationFailed(
                f"{path} has no column {quoted(name)}, which the map reads; it has {names or 'none'}."
            )
        if columns.count(name) > 1:
            raise OperationFailed(
                f"{path} has {columns.count(name)} columns {quoted(name)}; the map needs unique names."
            )
    return [columns.index(name) for name in wanted]


class _CountedFile(io.FileIO):
    """A file that counts the bytes read; `tell` would fail on a pipe."""

    bytes_read = 0

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # as FileIO has it
        """Read and count."""
        size = super().readinto(buffer)
        self.bytes_read += size or 0
        return size


class _Lines:
    """The lines of a text. Raises OperationFailed if one row, which may have several lines, exceeds MAX_ROW."""

    def __init__(self, text: io.TextIOWrapper, path: Path) -> None:
        """Start before the first line."""
        self._text = text
        self._path = path
        self._number = 0
        self.row_length = 0

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.row_length += len(line)
        if self.row_length > MAX_ROW:
            raise OperationFailed(
                f"{self._path}, line {self._number}: the row is longer than {MAX_ROW} characters; "
                "check delimiter and quote in the map."
            )
        return line


def _read_csv(path: Path, map_: Map) -> Iterator[TablePart]:
    file = map_.file
    with (
        _CountedFile(path, "rb") as raw,
        io.TextIOWrapper(
            io.BufferedReader(raw), encoding=_encoding(file), errors="surrogateescape", newline=""
        ) as text,
    ):
        # A cell may be as long as a row. The csv module's limit is global to the process.
        csv.field_size_limit(MAX_ROW)
        lines = _Lines(text, path)
        reader = csv.reader(
            lines, delimiter=file.delimiter, quotechar=file.quote or None, quoting=quoting_of(file), strict=True
        )
        yielded = 0
        rows: list[TableRow] = []
        try:
            header = list(file.columns) or next(filter(None, reader), [])
            if not header:
                raise OperationFailed(f"{path} is empty; the first line must name the columns.")
            indexes = column_indexes(path, header, map_.columns)
            lines.row_length = 0
            number = reader.line_num + 1
            for cells in reader:
                if cells:
                    rows.append(_row(number, cells, indexes, len(header)))
                number, lines.row_length = reader.line_num + 1, 0
                if len(rows) >= ROWS_PER_PART or raw.bytes_read - yielded >= BYTES_PER_PART:
                    yield TablePart(rows, raw.bytes_read - yielded)
                    rows, yielded = [], raw.bytes_read
        except csv.Error as error:
            raise OperationFailed(
                f"{path}, line {reader.line_num}: {error_text(error)}; check delimiter and quote in the map."
            ) from None
        except UnicodeError:
            raise OperationFailed(
                f"{path}, after line {reader.line_num}: the text is not {file.encoding}; check encoding in the map."
            ) from None
        yield TablePart(rows, raw.bytes_read - yielded)


def _encoding(file: FileSection) -> str:
    """Return the encoding for Python; UTF-8 becomes utf-8-sig, because spreadsheets write a byte order mark."""
    return "utf-8-sig" if file.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else file.encoding


def _row(number: int, cells: list[str], indexes: list[int], width: int) -> TableRow:
    if len(cells) != width:
        # The cells may be shifted into columns that the map must not read, so none is shown or kept.
        return TableRow(number, (), f"{len(cells)} cells, but the header has {width}")
    selected = [cells[index] for index in indexes]
    for cell in selected:
        if not cell.isascii() and not _is_text(cell):
            return TableRow(number, (), "a cell is not in the map's encoding")
    return TableRow(number, selected)


def _is_text(cell: str) -> bool:
    """Return whether a cell has no lone surrogate, which stands for an undecodable byte."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require_parquet() -> None:
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  an optional dependency
    except ImportError:
        raise OperationFailed(
            "Parquet needs an optional dependency: pip install 'talkmeter[parquet]'. CSV works without it."
        ) from None


def _read_parquet(path: Path, map_: Map) -> Iterator[TablePart]:
    _require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional dependency
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            schema, total, size = file.schema_arrow, file.metadata.num_rows, path.stat().st_size
            column_indexes(path, schema.names, map_.columns)
            readers = [_column_reader(path, name, schema.field(name).type) for name in map_.columns]
            number = 0
            for batch in file.iter_batches(ROWS_PER_PART, columns=list(map_.columns), use_threads=False):
                columns = [read(batch.column(name)) for name, read in zip(map_.columns, readers, strict=True)]
                rows = [
                    TableRow(number + index, cells)
                    if all(map(_is_text, cells))
                    else TableRow(number + index, (), "a cell is not UTF-8")
                    for index, cells in enumerate(zip(*columns, strict=True), 1)
                ]
                done = number + len(rows)
                yield TablePart(rows, size * done // max(total, 1) - size * number // max(total, 1))
                number = done
    except (pa.ArrowException, ValueError, OverflowError, KeyError) as error:
        raise OperationFailed(f"{path} is not a readable Parquet file: {error_text(error)}.") from None


class _ReadColumn(Protocol):
    """Returns the cells of a column as texts, "" for null."""

    def __call__(self, array: "pa.Array", /) -> list[str]:
        """Return the texts."""


def _column_reader(path: Path, name: str, type_: "pa.DataType") -> _ReadColumn:
    """Return the function that reads a column of this type. Raises OperationFailed if the type is not supported."""
    import pyarrow as pa  # noqa: PLC0415  an optional dependency

    types = pa.types
    if types.is_dictionary(type_):
        read_values = _column_reader(path, name, type_.value_type)
        return lambda array: read_values(array.dictionary_decode())
    if types.is_timestamp(type_):
        return lambda array: [_instant_text(instant, utc=type_.tz is not None) for instant in _timestamps(array)]
    if types.is_time(type_):
        return lambda array: _texts(array.cast(pa.time64("us"), safe=False), time.isoformat)
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return _strings
    simple: list[tuple[Callable[[object], bool], Callable[..., str]]] = [
        (types.is_date, date.isoformat),
        (types.is_floating, _float_text),
        (types.is_boolean, lambda flag: "true" if flag else "false"),
        (types.is_integer, str),
        (types.is_decimal, _decimal_text),
        (types.is_null, str),
    ]
    for is_type, write in simple:
        if is_type(type_):
            return lambda array: _texts(array, write)
    raise OperationFailed(
        f"{path}: the column {quoted(name)} has the type {quoted(str(type_))[1:-1]}; "
        "only strings, numbers, booleans, dates and times are supported."
    )


def _texts(array: "pa.Array", write: Callable[..., str]) -> list[str]:
    return ["" if cell is None else write(cell) for cell in array.to_pylist()]


def _strings(array: "pa.Array") -> list[str]:
    try:
        return [cell or "" for cell in array.to_pylist()]
    except UnicodeDecodeError:
        import pyarrow as pa  # noqa: PLC0415  an optional dependency

        cells = array.cast(pa.large_binary()).to_pylist()
        return ["" if cell is None else cell.decode("utf-8", "surrogateescape") for cell in cells]


def _timestamps(array: "pa.Array") -> list[int | None]:
    """Return microseconds since 1970; finer digits are cut."""
    import pyarrow as pa  # noqa: PLC0415  an optional dependency

    type_ = array.type
    exact = array.cast(pa.timestamp("us", tz=type_.tz), safe=type_.unit != "ns")
    instants: list[int | None] = exact.cast(pa.int64()).to_pylist()
    return instants


def _instant_text(instant: int | None, *, utc: bool) -> str:
    if instant is None:
        return ""
    try:
        return (_EPOCH + timedelta(microseconds=instant)).isoformat() + ("Z" if utc else "")
    except OverflowError:
        return str(instant)


def _float_text(number: float) -> str:
    """Return a number as text, an integer without a decimal point: many programs store integers with gaps as floats."""
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _decimal_text(number: Decimal) -> str:
    return format(number, "f")
