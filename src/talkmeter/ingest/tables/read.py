"""Read a table in the format that its map or its extension names."""

from collections.abc import Iterator
from pathlib import Path

from talkmeter.errors import OperationFailed, error_text
from talkmeter.ingest.maps import Map
from talkmeter.ingest.tables.delimited import read_csv
from talkmeter.ingest.tables.excel import read_excel
from talkmeter.ingest.tables.json_lines import read_json_lines
from talkmeter.ingest.tables.parquet import read_parquet
from talkmeter.ingest.tables.parts import TablePart

_READERS = {"csv": read_csv, "jsonl": read_json_lines, "parquet": read_parquet, "xlsx": read_excel}


def read_table(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the rows of a file. Raises OperationFailed if it cannot be read or lacks a column that the map reads."""
    try:
        yield from _READERS[map_.format_of(path)](path, map_)
    except OSError as error:
        raise OperationFailed(f"{path} cannot be read: {error.strerror or error_text(error)}.") from None


def check_table(path: Path, map_: Map) -> None:
    """Read a file to its end, so that damage is noticed before its rows are used. A pipe can be read only once.

    Raises OperationFailed as `read_table` does.
    """
    if path.is_file():
        for _ in read_table(path, map_):
            pass


def row_name(path: Path, map_: Map, number: int) -> str:
    """Return a row's name for messages: the row in Parquet and Excel, its first line in a text."""
    return f"{path}, {row_word(path, map_)} {number}"


def row_word(path: Path, map_: Map) -> str:
    """Return the word for the number of a row: row in Parquet and Excel, line in a text."""
    return "row" if map_.format_of(path) in ("parquet", "xlsx") else "line"
