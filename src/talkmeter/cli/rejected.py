"""Rejected rows of tables: print the first reasons, write all rows to a file that can be fixed and ingested again.

The file has only the columns that the map reads, so that no transcript or caller's number gets into it. It has the
format of the input, and the same map reads it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talkmeter.errors import OperationFailed
from talkmeter.ingest.maps import FileSection, Map
from talkmeter.ingest.tables.read import row_name

if TYPE_CHECKING:
    from talkmeter.ingest.mapped import RejectedRow

MAX_PRINTED: Final = 5
OWN_COLUMNS: Final = ("rejected_file", "rejected_line", "rejected_reason")


class RejectedRows:
    """The number of rejected rows and the first reasons; writes the rows to a file if one is given."""

    def __init__(self, map_: Map, out: "_RejectedFile | None", format_: FileSection) -> None:
        """Write the header of the file."""
        self.number = 0
        self.first: list[str] = []
        self._map = map_
        self._write_row = _writer_of(out, format_) if out else None
        self._write((*OWN_COLUMNS, *map_.columns))

    def add(self, path: Path, rows: "Iterable[RejectedRow]") -> None:
        """Count the rows, keep the first reasons and write the rows."""
        for row in rows:
            self.number += 1
            if len(self.first) < MAX_PRINTED:
                self.first.append(f"{row_name(path, self._map, row.number)}: {row.reason}")
            cells = row.cells or [""] * len(self._map.columns)
            self._write((str(path), str(row.number), row.reason, *cells))

    def _write(self, cells: Sequence[str]) -> None:
        if self._write_row:
            self._write_row(cells)


def _writer_of(out: "_RejectedFile", format_: FileSection) -> Callable[[Sequence[str]], object]:
    """Return a function that writes a row in the format of the input."""
    if format_.quote:
        return csv.writer(out, delimiter=format_.delimiter, quotechar=format_.quote, lineterminator="\n").writerow
    # Without quotes, a cell cannot contain delimiters or line breaks.
    replacements = str.maketrans(dict.fromkeys(f"{format_.delimiter}\r\n", "_" if format_.delimiter == " " else " "))
    return lambda cells: out.write(format_.delimiter.join(cell.translate(replacements) for cell in cells) + "\n")


@contextmanager
def rejected_rows(path: Path | None, map_: Map, map_file: Path, files: Sequence[Path]) -> Iterator[RejectedRows]:
    """Collect rejected rows while files are read. Raises OperationFailed if their file cannot be written."""
    format_ = map_.file if any(map_.format_of(file) == "csv" for file in files) else FileSection()
    if path is None:
        yield RejectedRows(map_, None, format_)
        return
    for file in (*files, map_file):
        if path.exists() and path.samefile(file):
            raise OperationFailed(f"--rejected {path} is one of the input files; choose another file.")
    with closing(_RejectedFile(path, format_)) as out:
        yield RejectedRows(map_, out, format_)


class _RejectedFile:
    """The file of rejected rows; raises OperationFailed if it cannot be written."""

    def __init__(self, path: Path, format_: FileSection) -> None:
        """Create or overwrite the file."""
        self._path = path
        with self._translate_errors():
            self._file = path.open("w", encoding=format_.encoding, errors="backslashreplace", newline="")

    def close(self) -> None:
        """Write the rest of the buffer and close the file."""
        with self._translate_errors():
            self._file.close()

    def write(self, text: str) -> int:
        """Write a text; the csv module calls this."""
        with self._translate_errors():
            return self._file.write(text)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OperationFailed(f"Cannot write the rejected rows to {self._path}: {error.strerror}.") from None
        except UnicodeError:
            raise OperationFailed(
                f"Cannot write the rejected rows to {self._path} in the encoding of the map."
            ) from None
