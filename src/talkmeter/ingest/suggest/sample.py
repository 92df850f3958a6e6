"""Read the columns and the first rows of a file of any format, and find out how a text file is written."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.errors import OperationFailed, quoted
from talkmeter.ingest.compressed import open_decompressed
from talkmeter.ingest.maps import FieldMap, FileSection, Format, Map, format_by_extension
from talkmeter.ingest.suggest.words import LAYOUTS
from talkmeter.ingest.tables.excel import first_rows
from talkmeter.ingest.tables.json_lines import values_of_line
from talkmeter.ingest.tables.parquet import column_names
from talkmeter.ingest.tables.parts import MAX_ROW, is_total
from talkmeter.ingest.tables.read import read_table

MAX_ROWS: Final = 100
_MAX_LINES: Final = 200
_DELIMITERS: Final = ",;\t|"
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{8,15}")
_MARKS: Final = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Sample(NamedTuple):
    """The columns and first rows of a file; `unsure` has a sentence for each guess about its form.

    `named_by_us` is true if the file has no header.
    """

    format: Format
    columns: list[str]
    rows: list[list[str]]
    encoding: str = "utf-8"
    delimiter: str = ","
    named_by_us: bool = False
    unsure: tuple[str, ...] = ()

    def cells(self, column: str) -> list[str]:
        """Return the cells of a column that are not empty."""
        index = self.columns.index(column)
        return [row[index].strip() for row in self.rows if row[index].strip()]


def read_sample(path: Path) -> Sample:
    """Return the columns and first rows of a file. Raises OperationFailed if it cannot be read or has no table."""
    match format_by_extension(path):
        case "jsonl":
            return _json_sample(path)
        case "parquet":
            return _parquet_sample(path)
        case "xlsx":
            return _table(path, Sample("xlsx", [], []), first_rows(path, _MAX_LINES))
        case "csv":
            return _csv_sample(path)


def _csv_sample(path: Path) -> Sample:
    with open_decompressed(path) as (file, _):
        raw = file.read(MAX_ROW)
    unsure: list[str] = []
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "")
    if not encoding:
        encoding = "utf-8"
        try:
            codecs.getincrementaldecoder("utf-8")().decode(raw)
        except UnicodeDecodeError:
            encoding = "cp1252"
            unsure.append("the text is not UTF-8; cp1252 is the encoding of Windows in Western Europe")
    text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    lines = text.splitlines(keepends=True)[: _MAX_LINES * 4]
    delimiter = max(_DELIMITERS, key=lambda char: _regularity(lines, char))
    sample = Sample("csv", [], [], encoding, delimiter, unsure=tuple(unsure))
    return _table(path, sample, list(islice(_csv_rows(lines, delimiter), _MAX_LINES)))


def _csv_rows(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_ROW)
    try:
        yield from csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)
    except csv.Error:
        return


def _regularity(lines: list[str], delimiter: str) -> tuple[int, int]:
    """Return the number of rows that have the usual number of cells, if that is more than one, and the cells."""
    widths = Counter(len(row) for row in islice(_csv_rows(lines, delimiter), _MAX_LINES) if len(row) > 1)
    if not widths:
        return 0, 0
    width, rows = max(widths.items(), key=lambda item: (item[1], item[0]))
    return rows, width


def _table(path: Path, sample: Sample, rows: list[list[str]]) -> Sample:
    """Return the sample with the header, which is the first row of the usual width, and the rows after it."""
    widths = Counter(sum(1 for cell in row if cell) for row in rows if any(row))
    if sample.format == "csv":
        widths = Counter(len(row) for row in rows if any(row))
    if not widths:
        raise OperationFailed(f"{path} has no rows.")
    width = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    full = [row for row in rows if sum(1 for cell in row if cell) * 2 >= width]
    of_width = [row for row in full if (sample.format != "csv" or len(row) == width) and not is_total(row)]
    if not of_width:
        raise OperationFailed(f"{path} has no rows that are at least half full.")
    header, *rest = of_width
    if sum(any(char.isdigit() for char in cell) for cell in header) * 4 > len(header):
        return sample._replace(columns=_layout(header), rows=of_width[:MAX_ROWS], named_by_us=True)
    named = {cell: index for index, cell in reversed(list(enumerate(header))) if cell and header.count(cell) == 1}
    if not named:
        raise OperationFailed(f"{path} has no header: its first full row is {quoted(', '.join(header))}.")
    columns = [cell for cell in header if cell in named]
    cells = [[row[named[name]] for name in columns] for row in rest[:MAX_ROWS]]
    return sample._replace(columns=columns, rows=cells)


def _layout(row: list[str]) -> list[str]:
    """Return the names of the columns of a file without a header; numbers if no known program wrote it."""
    for names in LAYOUTS:
        first = names.index("start") if "start" in names else names.index("start_stamp")
        times = row[first : first + 3 : 2]
        if len(names) - 2 <= len(row) <= len(names) and all(_TIME.fullmatch(time) for time in times):
            return list(names[: len(row)])
    return [f"column {number}" for number in range(1, len(row) + 1)]


def _parquet_sample(path: Path) -> Sample:
    names = column_names(path)
    fields = {f"data.{index}": FieldMap(column=name) for index, name in enumerate(names)}
    map_ = Map(FileSection(format="parquet"), "conversation.updated", "/sample", fields)
    part = next(read_table(path, map_))
    return Sample("parquet", names, [list(row.cells) for row in part.rows[:MAX_ROWS] if row.error is None])


def _json_sample(path: Path) -> Sample:
    objects: list[dict[str, str]] = []
    with open_decompressed(path) as (file, _):
        while len(objects) < MAX_ROWS and (line := file.readline(MAX_ROW)):
            with suppress(ValueError, RecursionError):
                objects.extend(dict(_leaves("", value, 4)) for value in values_of_line(line))
    names = list(dict.fromkeys(name for found in objects for name in found))
    # An object may be null in one line and have fields in another; its fields are the columns.
    columns = [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
    if not columns:
        raise OperationFailed(f"{path} has no JSON objects, one per line, in its first lines.")
    return Sample("jsonl", columns, [[found.get(name, "") for name in columns] for found in objects])


def _leaves(path: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the dotted paths of the single values in an object."""
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, inner, depth - 1)
    elif path and not isinstance(value, dict | list):
        text = "" if value is None else value if isinstance(value, str) else str(value).lower()
        yield path, text.encode(errors="replace").decode()
