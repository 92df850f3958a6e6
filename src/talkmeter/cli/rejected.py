"""Rows of tables that could not be counted: the first of them told, all of them written to a file that can be mended.

The file has the columns that the map reads and no other, so nothing gets into it that was not asked for: no transcript,
no caller's number. It is written as the table was, and can be ingested by the same map once it is mended.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talkmeter.errors import Refused
from talkmeter.ingest.mapping import FileForm, Map
from talkmeter.ingest.tables import row_name

if TYPE_CHECKING:
    from talkmeter.ingest.mapped import RejectedRow

FIRST_TOLD: Final = 5
OWN_COLUMNS: Final = ("rejected_file", "rejected_line", "rejected_reason")


class RejectedRows:
    """How many rows were rejected, and the sentences about the first."""

    def __init__(self, map_: Map, out: "_Out | None", form: FileForm) -> None:
        """Begin the file, where there is one, with its header."""
        self.number = 0
        self.first: list[str] = []
        self._map = map_
        self._write_row = _writer_of(out, form) if out else None
        self._write((*OWN_COLUMNS, *map_.columns))

    def take(self, path: Path, rows: "Iterable[RejectedRow]") -> None:
        """Count, tell and write."""
        for row in rows:
            self.number += 1
            if len(self.first) < FIRST_TOLD:
                self.first.append(f"{row_name(path, self._map, row.number)}: {row.reason}")
            cells = row.cells or [""] * len(self._map.columns)
            self._write((str(path), str(row.number), row.reason, *cells))

    def _write(self, cells: Sequence[str]) -> None:
        if self._write_row:
            self._write_row(cells)


def _writer_of(out: "_Out", form: FileForm) -> Callable[[Sequence[str]], object]:
    """Writes rows as the table was written."""
    if form.quote:
        return csv.writer(out, delimiter=form.delimiter, quotechar=form.quote, lineterminator="\n").writerow
    # Where nothing is quoted, what parts cells and rows cannot stand in a cell.
    gaps = str.maketrans(dict.fromkeys(f"{form.delimiter}\r\n", "_" if form.delimiter == " " else " "))
    return lambda cells: out.write(form.delimiter.join(cell.translate(gaps) for cell in cells) + "\n")


@contextmanager
def rejected_rows(path: Path | None, map_: Map, map_file: Path, files: Sequence[Path]) -> Iterator[RejectedRows]:
    """Where rejected rows go while some files are read. Refused where their file cannot be written."""
    form = map_.form if any(map_.format_of(file) == "csv" for file in files) else FileForm()
    if path is None:
        yield RejectedRows(map_, None, form)
        return
    for file in (*files, map_file):
        if path.exists() and path.samefile(file):
            raise Refused(f"--rejected {path} is one of the files to read; name another.")
    with closing(_Out(path, form)) as out:
        yield RejectedRows(map_, out, form)


class _Out:
    """The file of rejected rows: what cannot be written there is Refused, and nothing else is."""

    def __init__(self, path: Path, form: FileForm) -> None:
        """Begin it anew."""
        self._path = path
        with self._refusing():
            self._file = path.open("w", encoding=form.encoding, errors="backslashreplace", newline="")

    def close(self) -> None:
        """Write what is still held back."""
        with self._refusing():
            self._file.close()

    def write(self, text: str) -> int:
        """As the csv module asks for it."""
        with self._refusing():
            return self._file.write(text)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Refused(f"The rejected rows cannot be written to {self._path}: {error.strerror}.") from None
        except UnicodeError:
            raise Refused(f"The rejected rows cannot be written to {self._path} in the encoding of the map.") from None
