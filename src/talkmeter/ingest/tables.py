"""Tables as CSV or Parquet, some rows at a time: of each row the cells that a map reads, and nothing of the others."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from talkmeter.errors import Refused, shown
from talkmeter.ingest.mapping import FileForm, Map, quoting_of, said

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_PART: Final = 5_000
BYTES_PER_PART: Final = 8 << 20
MAX_ROW: Final = 1 << 20
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  what is added to it says whether it is UTC
_MAX_COLUMNS_SHOWN: Final = 20


class Row(NamedTuple):
    """A row by its number in the file, from 1; where `wrong` says why, it has no cells that could be trusted."""

    number: int
    cells: Sequence[str]
    wrong: str | None = None


class Part(NamedTuple):
    """Some rows, and how many bytes of the file they took."""

    rows: list[Row]
    size: int


def read_table(path: Path, map_: Map) -> Iterator[Part]:
    """The rows of a file. Refused where it cannot be read, or lacks a column that the map reads."""
    parts = _read_parquet if map_.format_of(path) == "parquet" else _read_csv
    try:
        yield from parts(path, map_)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or said(error)}.") from None


def row_name(path: Path, map_: Map, number: int) -> str:
    """A row as a reader would look for it: CSV by its first line."""
    return f"{path}, {'row' if map_.format_of(path) == 'parquet' else 'line'} {number}"


def places_of(path: Path, there: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the wanted columns stand. Refused where one is absent, or stands there twice."""
    for name in wanted:
        if name not in there:
            names = ", ".join(map(shown, there[:_MAX_COLUMNS_SHOWN])) + (
                ", ..." if len(there) > _MAX_COLUMNS_SHOWN else ""
            )
            raise Refused(f"{path} has no column {shown(name)}, which the map reads; it has {names or 'none'}.")
        if there.count(name) > 1:
            raise Refused(f"{path} has {there.count(name)} columns {shown(name)}; the map cannot tell them apart.")
    return [there.index(name) for name in wanted]


class _CountedFile(io.FileIO):
    """A file that knows how much of it was read, also where it is a pipe."""

    taken = 0

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # as FileIO has it
        """Read and count."""
        size = super().readinto(buffer)
        self.taken += size or 0
        return size


class _Lines:
    """The lines of a text, refused where one row of them grows beyond all bounds."""

    def __init__(self, text: io.TextIOWrapper, path: Path) -> None:
        """Begin with the first line."""
        self._text = text
        self._path = path
        self._number = 0
        self.of_row = 0

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.of_row += len(line)
        if self.of_row > MAX_ROW:
            raise Refused(
                f"{self._path}, line {self._number}: the row is longer than {MAX_ROW} characters; "
                "are delimiter and quote of the map right?"
            )
        return line


def _read_csv(path: Path, map_: Map) -> Iterator[Part]:
    form = map_.form
    with (
        _CountedFile(path, "rb") as raw,
        io.TextIOWrapper(
            io.BufferedReader(raw), encoding=_encoding(form), errors="surrogateescape", newline=""
        ) as text,
    ):
        # Cells may be as long as a row; the limit of the csv module is one for the whole process.
        csv.field_size_limit(MAX_ROW)
        lines = _Lines(text, path)
        reader = csv.reader(
            lines, delimiter=form.delimiter, quotechar=form.quote or None, quoting=quoting_of(form), strict=True
        )
        before = 0
        rows: list[Row] = []
        try:
            header = list(form.columns) or next(filter(None, reader), [])
            if not header:
                raise Refused(f"{path} is empty: a table begins with a line that names its columns.")
            places = places_of(path, header, map_.columns)
            lines.of_row = 0
            number = reader.line_num + 1
            for cells in reader:
                if cells:
                    rows.append(_row_of(number, cells, places, len(header)))
                number, lines.of_row = reader.line_num + 1, 0
                if len(rows) >= ROWS_PER_PART or raw.taken - before >= BYTES_PER_PART:
                    yield Part(rows, raw.taken - before)
                    rows, before = [], raw.taken
        except csv.Error as error:
            raise Refused(
                f"{path}, line {reader.line_num}: {said(error)}; are delimiter and quote of the map right?"
            ) from None
        except UnicodeError:
            raise Refused(f"{path}, after line {reader.line_num}: this is not {form.encoding}.") from None
        yield Part(rows, raw.taken - before)


def _encoding(form: FileForm) -> str:
    """UTF-8 with or without the mark that spreadsheets set before it."""
    return "utf-8-sig" if form.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else form.encoding


def _row_of(number: int, cells: list[str], places: list[int], width: int) -> Row:
    if len(cells) != width:
        # Cells that have moved may hold what no column of the map does, so none of them is shown or kept.
        return Row(number, (), f"{len(cells)} cells, but the header has {width}")
    picked = [cells[place] for place in places]
    for cell in picked:
        if not cell.isascii() and not _is_text(cell):
            return Row(number, (), "a cell is not in the encoding of the map")
    return Row(number, picked)


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require_parquet() -> None:
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  an optional part
    except ImportError:
        raise Refused(
            "Parquet needs an optional part that is not installed here: pip install 'talkmeter[parquet]'. "
            "CSV works without it."
        ) from None


def _read_parquet(path: Path, map_: Map) -> Iterator[Part]:
    _require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional part
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            schema, total, size = file.schema_arrow, file.metadata.num_rows, path.stat().st_size
            places_of(path, schema.names, map_.columns)
            texts = [_texts_of(path, name, schema.field(name).type) for name in map_.columns]
            number = 0
            for batch in file.iter_batches(ROWS_PER_PART, columns=list(map_.columns), use_threads=False):
                columns = [read(batch.column(name)) for name, read in zip(map_.columns, texts, strict=True)]
                rows = [
                    Row(number + place, cells)
                    if all(map(_is_text, cells))
                    else Row(number + place, (), "a cell is not UTF-8")
                    for place, cells in enumerate(zip(*columns, strict=True), 1)
                ]
                done = number + len(rows)
                yield Part(rows, size * done // max(total, 1) - size * number // max(total, 1))
                number = done
    except (pa.ArrowException, ValueError, OverflowError, KeyError) as error:
        raise Refused(f"{path} is no Parquet that can be read: {said(error)}.") from None


class _Texts(Protocol):
    """Reads a column of a batch as texts, an empty one where there is nothing."""

    def __call__(self, array: "pa.Array", /) -> list[str]:
        """The texts."""


def _texts_of(path: Path, name: str, type_: "pa.DataType") -> _Texts:
    """How a column of a type is read. Refused where its cells are no single values."""
    import pyarrow as pa  # noqa: PLC0415  an optional part

    types = pa.types
    if types.is_dictionary(type_):
        inner = _texts_of(path, name, type_.value_type)
        return lambda array: inner(array.dictionary_decode())
    if types.is_timestamp(type_):
        return lambda array: [_instant_text(one, utc=type_.tz is not None) for one in _timestamps(array)]
    if types.is_time(type_):
        return lambda array: _written(array.cast(pa.time64("us"), safe=False), time.isoformat)
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
    for is_one, write in simple:
        if is_one(type_):
            return lambda array: _written(array, write)
    raise Refused(
        f"{path}: the column {shown(name)} is {shown(str(type_))[1:-1]}, "
        "but only texts, numbers, flags, dates and times are read."
    )


def _written(array: "pa.Array", write: Callable[..., str]) -> list[str]:
    return ["" if cell is None else write(cell) for cell in array.to_pylist()]


def _strings(array: "pa.Array") -> list[str]:
    try:
        return [cell or "" for cell in array.to_pylist()]
    except UnicodeDecodeError:
        import pyarrow as pa  # noqa: PLC0415  an optional part

        cells = array.cast(pa.large_binary()).to_pylist()
        return ["" if cell is None else cell.decode("utf-8", "surrogateescape") for cell in cells]


def _timestamps(array: "pa.Array") -> list[int | None]:
    """Microseconds since 1970, finer digits cut."""
    import pyarrow as pa  # noqa: PLC0415  an optional part

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
    """Whole numbers without a point: columns of integers with gaps are written as floats by many programs."""
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _decimal_text(number: Decimal) -> str:
    return format(number, "f")
