"""Read CSV and other text with delimiters."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from talkmeter.errors import OperationFailed, error_text
from talkmeter.ingest.compressed import open_decompressed
from talkmeter.ingest.maps import FileSection, Map, quoting_of
from talkmeter.ingest.tables.parts import (
    MAX_ROW,
    TablePart,
    TableRow,
    column_indexes,
    find_header,
    in_parts,
    is_text,
    is_total,
)


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


def read_csv(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the rows of a text file. Lines before the header are skipped."""
    file = map_.file
    with (
        open_decompressed(path) as (raw, bytes_read),
        io.TextIOWrapper(raw, encoding=_encoding(file), errors="surrogateescape", newline="") as text,
    ):
        # A cell may be as long as a row. The csv module's limit is global to the process.
        csv.field_size_limit(MAX_ROW)
        lines = _Lines(text, path)
        reader = csv.reader(
            lines, delimiter=file.delimiter, quotechar=file.quote or None, quoting=quoting_of(file), strict=True
        )

        def rows() -> Iterator[list[str]]:
            for cells in reader:
                lines.row_length = 0
                yield cells

        def table_rows(header: Sequence[str]) -> Iterator[TableRow]:
            indexes = column_indexes(path, header, map_.columns)
            number = reader.line_num + 1
            for cells in rows():
                if cells:
                    yield _row(number, cells, indexes, len(header))
                number = reader.line_num + 1

        try:
            header = file.columns or find_header(path, rows(), map_.columns)
            yield from in_parts(table_rows(header), bytes_read)
        except csv.Error as error:
            raise OperationFailed(
                f"{path}, line {reader.line_num}: {error_text(error)}; check delimiter and quote in the map."
            ) from None
        except UnicodeError:
            raise OperationFailed(
                f"{path}, after line {reader.line_num}: the text is not {file.encoding}; check encoding in the map."
            ) from None


def _encoding(file: FileSection) -> str:
    """Return the encoding for Python; UTF-8 becomes utf-8-sig, because spreadsheets write a byte order mark."""
    return "utf-8-sig" if file.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else file.encoding


def _row(number: int, cells: list[str], indexes: list[int], width: int) -> TableRow:
    if len(cells) != width:
        # The cells may be shifted into columns that the map must not read, so none is shown or kept.
        return TableRow(number, (), f"{len(cells)} cells, but the header has {width}", is_total(cells))
    selected = [cells[index] for index in indexes]
    for cell in selected:
        if not cell.isascii() and not is_text(cell):
            return TableRow(number, (), "a cell is not in the map's encoding")
    return TableRow(number, selected, None, is_total(cells))
