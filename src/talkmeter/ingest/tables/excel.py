"""Read Excel workbooks (.xlsx) with python-calamine."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile

from talkmeter.errors import OperationFailed, error_text, quoted
from talkmeter.ingest.maps import Map
from talkmeter.ingest.tables.parts import (
    MAX_ROW,
    TablePart,
    TableRow,
    column_indexes,
    find_header,
    float_text,
    in_parts,
    is_total,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

MAX_UNPACKED_BYTES: Final = 256 << 20
"""A workbook is in memory while it is read; its unpacked parts may have this size."""

Cell = int | float | str | bool | time | date | datetime | timedelta


def read_excel(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the rows of a sheet, the first one if the map names none."""
    rows = enumerate(_sheet(path, map_.file.sheet).iter_rows(), 1)
    number = 0

    def text_rows() -> Iterator[list[str]]:
        nonlocal number
        for number, cells in rows:  # noqa: B007  the number is read outside
            texts = [_text(cell) for cell in cells]
            yield texts if any(texts) else []

    header = map_.file.columns or find_header(path, text_rows(), map_.columns)
    indexes = column_indexes(path, header, map_.columns)
    table_rows = (_row(number, cells, indexes, len(header)) for cells in text_rows() if cells)
    yield from in_parts(table_rows, lambda: 0)
    # The whole file is read at the start, so only the end of its rows is known.
    yield TablePart([], path.stat().st_size)


def first_rows(path: Path, number: int) -> list[list[str]]:
    """Return the first rows of the first sheet as texts."""
    return [[_text(cell) for cell in cells] for cells in islice(_sheet(path, None).iter_rows(), number)]


def _row(number: int, cells: list[str], indexes: list[int], width: int) -> TableRow:
    # A sheet has the same width in all rows; cells beyond the header are another table or a note.
    if any(cells[width:]):
        return TableRow(number, (), f"more cells than the header, which has {width}", is_total(cells))
    selected = [cells[index] if index < len(cells) else "" for index in indexes]
    if any(len(cell) > MAX_ROW for cell in selected):
        return TableRow(number, (), f"a cell is longer than {MAX_ROW} characters")
    return TableRow(number, selected, None, is_total(cells))


def _sheet(path: Path, name: str | None) -> "CalamineSheet":
    try:
        from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415  an optional dependency
    except ImportError:
        raise OperationFailed(
            "Excel files need an optional dependency: pip install 'talkmeter[excel]'. CSV works without it."
        ) from None
    try:
        with ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise OperationFailed(
                f"{path} has {unpacked:,} bytes unpacked, and at most {MAX_UNPACKED_BYTES:,} are allowed; "
                "save it as CSV."
            )
        workbook = CalamineWorkbook.from_path(path)
        names = workbook.sheet_names
        if name is not None and name not in names:
            raise OperationFailed(f"{path} has no sheet {quoted(name)}; it has {', '.join(map(quoted, names))}.")
        if not names:
            raise OperationFailed(f"{path} has no sheets.")
        return workbook.get_sheet_by_name(name or names[0])
    except (BadZipFile, CalamineError, ValueError) as error:
        raise OperationFailed(f"{path} is not a readable Excel file (.xlsx): {error_text(error)}.") from None


def _text(cell: Cell) -> str:
    """Return a cell as text. A date is its midnight, because Excel does not distinguish the two."""
    match cell:
        case bool():
            text = "true" if cell else "false"
        case float():
            text = float_text(cell)
        case datetime():
            # Excel stores days as floats, so the last digits of a time are noise.
            rounded = cell + timedelta(microseconds=500)
            text = rounded.replace(microsecond=rounded.microsecond // 1_000 * 1_000).isoformat()
        case date():
            text = f"{cell.isoformat()}T00:00:00"
        case time():
            text = cell.isoformat()
        case timedelta():
            text = f"{cell // timedelta(milliseconds=1) / 1_000} s"
        case _:
            text = str(cell)
    return text
