"""Read Parquet files with pyarrow."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from talkmeter.errors import OperationFailed, error_text, quoted
from talkmeter.ingest.maps import Map
from talkmeter.ingest.tables.parquet_pages import page_sizes
from talkmeter.ingest.tables.parts import (
    MAX_ROW,
    ROWS_PER_PART,
    TablePart,
    TableRow,
    column_indexes,
    float_text,
    is_text,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_GROUP_BYTES: Final = 256 << 20
MAX_TEXT_BYTES: Final = 64 << 20
"""The texts that a column may have in the rows of one part."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  the text says whether it is UTC


def _require_parquet() -> None:
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  an optional dependency
    except ImportError:
        raise OperationFailed(
            "Parquet needs an optional dependency: pip install 'talkmeter[parquet]'. CSV works without it."
        ) from None


def read_parquet(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the rows of a Parquet file."""
    _require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional dependency
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        metadata = pq.read_metadata(path)
        schema, total, size = metadata.schema.to_arrow_schema(), metadata.num_rows, path.stat().st_size
        column_indexes(path, schema.names, map_.columns)
        _check_size(path, metadata, map_.columns)
        # Texts stay dictionaries, so that a long one in many rows takes its memory once.
        texts = [name for name in map_.columns if _is_string(schema.field(name).type)]
        with pq.ParquetFile(path, metadata=metadata, pre_buffer=False, read_dictionary=texts) as file:
            readers = [_column_reader(path, name, schema.field(name).type) for name in map_.columns]
            number = 0
            for batch in file.iter_batches(ROWS_PER_PART, columns=list(map_.columns), use_threads=False):
                for name in map_.columns:
                    _check_texts(path, name, batch.column(name), number)
                columns = [read(batch.column(name)) for name, read in zip(map_.columns, readers, strict=True)]
                rows = [
                    TableRow(number + index, cells)
                    if all(map(is_text, cells))
                    else TableRow(number + index, (), "a cell is not UTF-8")
                    for index, cells in enumerate(zip(*columns, strict=True), 1)
                ]
                done = number + len(rows)
                yield TablePart(rows, size * done // max(total, 1) - size * number // max(total, 1))
                number = done
    except (pa.ArrowException, ValueError, OverflowError, LookupError, TypeError, MemoryError) as error:
        raise OperationFailed(f"{path} is not a readable Parquet file: {error_text(error)}.") from None


def column_names(path: Path) -> list[str]:
    """Return the columns of a Parquet file whose types are supported."""
    _require_parquet()
    import pyarrow as pa  # noqa: PLC0415  an optional dependency
    import pyarrow.parquet as pq  # noqa: PLC0415

    names: list[str] = []
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise OperationFailed(f"{path} is not a readable Parquet file: {error_text(error)}.") from None
    for name in schema.names:
        with suppress(OperationFailed):
            _column_reader(path, name, schema.field(name).type)
            names.append(name)
    return names


def _check_size(path: Path, metadata: "pq.FileMetaData", columns: Sequence[str]) -> None:
    """Raise OperationFailed if a row group is too large: its columns are in memory while it is read."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped, memoryview(mapped) as content:
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            chunks = [group.column(index) for index in range(group.num_columns)]
            wanted = [chunk for chunk in chunks if chunk.path_in_schema in columns]
            # The footer may state less than the pages do.
            _require_fitting(path, sum(chunk.total_uncompressed_size for chunk in wanted))
            size = 0
            for chunk in wanted:
                begin = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
                for page in page_sizes(content, begin, begin + chunk.total_compressed_size):
                    size += page
                    _require_fitting(path, size)


def _require_fitting(path: Path, size: int) -> None:
    if size > MAX_GROUP_BYTES:
        raise OperationFailed(
            f"{path}: the columns that the map reads have {size:,} bytes in one row group, and at most "
            f"{MAX_GROUP_BYTES:,} are allowed; write the file with smaller row groups."
        )


def _check_texts(path: Path, name: str, array: "pa.Array", number: int) -> None:
    """Raise OperationFailed if texts are too long. `number` rows precede the array."""
    import pyarrow as pa  # noqa: PLC0415  an optional dependency
    import pyarrow.compute as pc  # noqa: PLC0415

    if not pa.types.is_dictionary(array.type) or not _is_string(array.type.value_type):
        return
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    longest, total = pc.max(lengths).as_py() or 0, pc.sum(lengths).as_py() or 0
    if longest > MAX_ROW or total > MAX_TEXT_BYTES:
        raise OperationFailed(
            f"{path}, rows {number + 1} to {number + len(array)}: the texts of the column {quoted(name)} have "
            f"{total:,} bytes, the longest {longest:,}; at most {MAX_TEXT_BYTES:,} and {MAX_ROW:,} are allowed."
        )


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
    if _is_string(type_):
        return _strings
    simple: list[tuple[Callable[[object], bool], Callable[..., str]]] = [
        (types.is_date, date.isoformat),
        (types.is_floating, float_text),
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


def _is_string(type_: "pa.DataType") -> bool:
    import pyarrow as pa  # noqa: PLC0415  an optional dependency

    types = pa.types
    return any(is_type(type_) for is_type in (types.is_string, types.is_large_string, types.is_string_view))


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


def _decimal_text(number: Decimal) -> str:
    return format(number, "f")
