"""The rows of tables, read in parts, and what all formats have in common: headers, totals, texts of cells."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.errors import OperationFailed, quoted

ROWS_PER_PART: Final = 5_000
BYTES_PER_PART: Final = 8 << 20
MAX_ROW: Final = 1 << 20
MAX_LINES_BEFORE_HEADER: Final = 100
_MAX_COLUMNS_SHOWN: Final = 20
_TOTALS: Final = re.compile(
    r"(?:(?:grand|sub|overall)[ -]?)?totals?|sums?|summe|(?:end|zwischen)summe|gesamt(?:summe|ergebnis)?|insgesamt"
    r"|total (?:general|g[ée]n[ée]ral|geral)|totale|totaal|suma|soma|somme|toplam|razem|yhteensä|итого|合计|合計|总计",
    re.IGNORECASE,
)


class TableRow(NamedTuple):
    """A row with its number in the file, from 1. A row with an `error` has no cells.

    `is_total` is true if its first cell is a word such as "Total".
    """

    number: int
    cells: Sequence[str]
    error: str | None = None
    is_total: bool = False


class TablePart(NamedTuple):
    """Some rows, and their size in bytes."""

    rows: list[TableRow]
    size: int


def in_parts(rows: Iterable[TableRow], bytes_read: Callable[[], int]) -> Iterator[TablePart]:
    """Yield the rows in parts of bounded number and size, with the bytes that each took; the last may be empty."""
    part: list[TableRow] = []
    yielded = 0
    for row in rows:
        part.append(row)
        if len(part) >= ROWS_PER_PART or bytes_read() - yielded >= BYTES_PER_PART:
            yield TablePart(part, bytes_read() - yielded)
            part, yielded = [], bytes_read()
    yield TablePart(part, bytes_read() - yielded)


def find_header(path: Path, rows: Iterable[Sequence[str]], wanted: Sequence[str]) -> Sequence[str]:
    """Return the first row that has all wanted columns, among the first rows; titles may precede it.

    Raises OperationFailed if no row has them; it names what the most similar row lacks.
    """
    best: Sequence[str] = ()
    most = -1
    for number, row in enumerate(filter(None, rows), 1):
        found = len(set(wanted).intersection(row))
        if found > most:
            best, most = row, found
        if found == len(set(wanted)) or number == MAX_LINES_BEFORE_HEADER:
            break
    if not best:
        raise OperationFailed(f"{path} is empty; the first line must name the columns.")
    column_indexes(path, best, wanted)
    return best


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


def is_total(cells: Iterable[str]) -> bool:
    """Return whether the first cell that is not empty is a word such as "Total"."""
    first = next(filter(None, cells), "")
    return len(first) < 40 and _TOTALS.fullmatch(first.strip().rstrip(":").strip()) is not None


def is_text(cell: str) -> bool:
    """Return whether a cell has no lone surrogate, which stands for an undecodable byte."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def float_text(number: float) -> str:
    """Return a number as text, an integer without a decimal point: many programs store integers with gaps as floats."""
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
