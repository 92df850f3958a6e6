"""Reads the rows of a damaged SQLite file from its pages, without SQLite.

SQLite stops at the first damaged page of a table; this reader goes on after it. Names follow the description of the
file format (https://www.sqlite.org/fileformat2.html). A walk reads what a table's root page leads to. Leaf pages that
a damaged page no longer leads to are read by `unlinked_rows`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.db.wal import committed_pages

Cell = str | int | float | bytes | None
Cells = tuple[Cell, ...]
DEFAULT_PAGE_SIZE: Final = 4_096
MAX_PAYLOAD: Final = 64 << 20
"""Bytes of one row; a larger size is damaged."""
_MAX_DEPTH: Final = 20
_FILE_HEADER: Final = 100
_INTERIOR: Final = frozenset({2, 5})
_LEAF_OF: Final = {True: 10, False: 13}
_INTERIOR_OF: Final = {True: 2, False: 5}
"""Page types by whether the tree is ordered by the whole row (a WITHOUT ROWID table or an index) or by rowid."""
_INTEGER_SIZES: Final = (0, 1, 2, 3, 4, 6, 8)
_UNREADABLE: Final = (IndexError, struct.error, ValueError)


class Lost(NamedTuple):
    """A page or a row that cannot be read, and why."""

    page: int
    why: str


class PageFile:
    """The pages of a database file, with the committed ones of its write-ahead log."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError if that is impossible."""
        self._file = path.open("rb")
        header = self._file.read(_FILE_HEADER).ljust(_FILE_HEADER, b"\0")
        size = int.from_bytes(header[16:18], "big")
        size = 65_536 if size == 1 else size
        self.page_size = size if size >= 512 and size & (size - 1) == 0 else DEFAULT_PAGE_SIZE
        self.usable = self.page_size - (header[20] if header[20] <= self.page_size - 480 else 0)
        self.log = committed_pages(path.with_name(f"{path.name}-wal"), self.page_size)
        self._used: set[int] = set()
        in_file = -(-path.stat().st_size // self.page_size)
        self.count = max(in_file, self.log.database_size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def page(self, number: int) -> bytes:
        """Return a page. Raises ValueError if the file has no such page."""
        if not 0 < number <= self.count:
            message = f"the file has no page {number}"
            raise ValueError(message)
        content = self.log.pages.get(number)
        if content is None:
            self._file.seek((number - 1) * self.page_size)
            content = self._file.read(self.page_size)
        if len(content) < self.page_size:
            message = f"the file ends in page {number}"
            raise ValueError(message)
        return content

    def rows(self, root: int, *, by_row: bool) -> Iterator[Cells | Lost]:
        """Yield the rows of a tree in order; `by_row` is whether it is ordered by the whole row."""
        yield from self._walk(root, 0, set(), by_row=by_row)

    def unlinked_rows(self, *, by_row: bool) -> Iterator[list[Cells]]:
        """Yield the readable rows of each leaf page that no walk has visited and that is not free."""
        free = self._free_pages()
        for number in range(2, self.count + 1):
            if number in self._used or number in free:
                continue
            try:
                page = _BtreePage(self, number)
                if page.type == _LEAF_OF[by_row]:
                    yield [row for row in page.leaf_rows() if not isinstance(row, Lost)]
            except _UNREADABLE:
                # Not a page of a tree: it may be a part of a large row.
                continue

    def _walk(self, number: int, depth: int, seen: set[int], *, by_row: bool) -> Iterator[Cells | Lost]:
        if number in seen or depth > _MAX_DEPTH:
            yield Lost(number, "another page leads to it too")
            return
        seen.add(number)
        try:
            page = _BtreePage(self, number)
            if page.type not in (_LEAF_OF[by_row], _INTERIOR_OF[by_row]):
                message = "it is not a page of this table"
                raise ValueError(message)
        except _UNREADABLE as error:
            yield Lost(number, str(error))
            return
        self._used.add(number)
        if page.type not in _INTERIOR:
            yield from page.leaf_rows()
            return
        for child, row in page.children():
            yield from self._walk(child, depth + 1, seen, by_row=by_row)
            if row is not None:
                yield row
        if not page.is_full():
            yield Lost(number, "its content does not match its size")

    def _free_pages(self) -> set[int]:
        """Return the pages of the free list, up to its first damaged page."""
        free: set[int] = set()
        try:
            trunk = struct.unpack_from(">I", self.page(1), 32)[0]
            while trunk and trunk not in free:
                content = self.page(trunk)
                count = struct.unpack_from(">I", content, 4)[0]
                free.add(trunk)
                free.update(struct.unpack_from(f">{min(count, self.usable // 4 - 2)}I", content, 8))
                trunk = struct.unpack_from(">I", content)[0]
        except _UNREADABLE:
            pass
        return free

    def overflow(self, number: int, size: int) -> bytes:
        """Return the rest of a large row. Raises ValueError if its pages cannot be read."""
        parts: list[bytes] = []
        while size > 0:
            content = self.page(number)
            self._used.add(number)
            parts.append(content[4 : min(self.usable, 4 + size)])
            size -= len(parts[-1])
            number = struct.unpack_from(">I", content)[0]
        return b"".join(parts)


class _BtreePage:
    """A page of a tree. Raises an error of `_UNREADABLE` if its header cannot be right."""

    def __init__(self, file: PageFile, number: int) -> None:
        self._file = file
        self._number = number
        self._content = file.page(number)
        begin = _FILE_HEADER if number == 1 else 0
        header: tuple[int, int, int, int, int] = struct.unpack_from(">BHHHB", self._content, begin)
        self.type, self._free_block, cells, start, self._fragments = header
        if self.type not in (2, 5, 10, 13):
            message = "it is not a page of a table" if any(self._content) else "it is empty"
            raise ValueError(message)
        self._start = start or 65_536
        array = begin + (12 if self.type in _INTERIOR else 8)
        if array + 2 * cells > file.usable:
            message = "it has more rows than fit"
            raise ValueError(message)
        self._cells: tuple[int, ...] = struct.unpack_from(f">{cells}H", self._content, array)
        self._last_child = begin + 8
        self._bytes = 0
        """The bytes of the cells read so far."""

    def leaf_rows(self) -> Iterator[Cells | Lost]:
        """Yield the rows of a leaf page."""
        for at in self._cells:
            try:
                yield self._row(at, at)
            except _UNREADABLE as error:
                yield Lost(self._number, f"a row cannot be read: {error}")
        if not self.is_full():
            yield Lost(self._number, "its content does not match its size")

    def children(self) -> Iterator[tuple[int, Cells | Lost | None]]:
        """Yield the children of an interior page, each with the row after it."""
        for at in self._cells:
            try:
                (child,) = struct.unpack_from(">I", self._content, at)
            except _UNREADABLE as error:
                yield 0, Lost(self._number, f"a pointer cannot be read: {error}")
                continue
            row: Cells | Lost | None = None
            if self.type == _INTERIOR_OF[True]:
                try:
                    row = self._row(at, at + 4)
                except _UNREADABLE as error:
                    row = Lost(self._number, f"a row cannot be read: {error}")
            else:
                _, end = _varint(self._content, at + 4)
                self._bytes += end - at
            yield child, row
        yield struct.unpack_from(">I", self._content, self._last_child)[0], None

    def is_full(self) -> bool:
        """Return whether cells and free space fill the page, after all its cells were read."""
        free, block = self._fragments, self._free_block
        for _ in range(self._file.usable // 4):
            if not 0 < block <= self._file.usable - 4:
                break
            following, size = struct.unpack_from(">HH", self._content, block)
            free += size
            block = following
        return not block and self._bytes + free == self._file.usable - min(self._start, self._file.usable)

    def _row(self, begin: int, at: int) -> Cells:
        """Return the row of the cell that begins at `begin`, whose payload's size is at `at`."""
        size, at = _varint(self._content, at)
        if size > MAX_PAYLOAD:
            message = f"it would have {size} bytes"
            raise ValueError(message)
        if self.type == _LEAF_OF[False]:
            _, at = _varint(self._content, at)
        local = self._local_size(size)
        payload = self._content[at : at + local]
        end = at + local + (4 if local < size else 0)
        if end > self._file.usable:
            message = "it goes on after the end of its page"
            raise ValueError(message)
        self._bytes += max(end - begin, 4)
        if local < size:
            (overflow,) = struct.unpack_from(">I", self._content, at + local)
            payload += self._file.overflow(overflow, size - local)
        return _decode(payload)

    def _local_size(self, size: int) -> int:
        """Return how many bytes of a row are in this page; the others are in overflow pages."""
        usable = self._file.usable
        most = usable - 35 if self.type == _LEAF_OF[False] else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        return local if local <= most else least


def _decode(payload: bytes) -> Cells:
    """Return the values of a record. Raises an error of `_UNREADABLE` if it is damaged."""
    header, end = _varint(payload, 0)
    position = header
    values: list[Cell] = []
    while end < header:
        type_, end = _varint(payload, end)
        value, position = _value(payload, position, type_)
        values.append(value)
    if end != header or position != len(payload):
        message = "its columns do not match its size"
        raise ValueError(message)
    return tuple(values)


def _value(payload: bytes, at: int, type_: int) -> tuple[Cell, int]:
    """Return the value of a serial type, and the position after it."""
    if type_ >= 12:
        end = at + (type_ - 12) // 2
        raw = payload[at:end]
        if len(raw) < end - at:
            message = "a value goes on after its end"
            raise ValueError(message)
        return (_text(raw) if type_ % 2 else raw), end
    if type_ == 0:
        return None, at
    if type_ in (8, 9):
        return type_ - 8, at
    if type_ == 7:
        return struct.unpack_from(">d", payload, at)[0], at + 8
    end = at + _INTEGER_SIZES[type_]
    if end > len(payload):
        message = "a value goes on after its end"
        raise ValueError(message)
    return int.from_bytes(payload[at:end], "big", signed=True), end


def _text(raw: bytes) -> str | bytes:
    """Return a text, or its bytes if it is not UTF-8: no column with texts has bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length integer at a position, and the position after it."""
    value = 0
    for index in range(at, at + 8):
        byte = content[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    return value << 8 | content[at + 8], at + 9
