"""Reads the committed pages of a SQLite write-ahead log (https://www.sqlite.org/fileformat2.html#walformat)."""

import struct
from pathlib import Path
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">IIIIIIII")
_FRAME: Final = struct.Struct(">IIIIII")
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
_MASK: Final = 0xFFFFFFFF


class WalPages(NamedTuple):
    """The newest committed content of each page, the database's size in pages (0: unknown), and unread frames."""

    pages: dict[int, bytes]
    database_size: int
    unread: int


def committed_pages(path: Path, page_size: int) -> WalPages:
    """Return the committed pages of a log. It ends at the first damaged frame, as it does for SQLite."""
    pages: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    database_size = 0
    content = path.read_bytes() if path.is_file() else b""
    if len(content) < _HEADER.size:
        return WalPages(pages, 0, 0)
    magic, _, _, _, salt1, salt2, *sums = _HEADER.unpack_from(content)
    order = _MAGIC.get(magic, "<")
    state = _checksum(content[:24], order, (0, 0))
    size = _FRAME.size + page_size
    frames = [content[at : at + size] for at in range(_HEADER.size, len(content) - size + 1, size)]
    valid = len(frames) if tuple(sums) == state and magic in _MAGIC else 0
    for index, frame in enumerate(frames[:valid]):
        number, committed_size, frame_salt1, frame_salt2, *frame_sums = _FRAME.unpack_from(frame)
        state = _checksum(frame[:8] + frame[_FRAME.size :], order, state)
        if (frame_salt1, frame_salt2) != (salt1, salt2) or tuple(frame_sums) != state:
            valid = index
            break
        pending[number] = frame[_FRAME.size :]
        if committed_size:
            pages |= pending
            pending = {}
            database_size = committed_size
    # The frames of earlier transactions, which are in the database already, have other salts.
    unread = sum(_FRAME.unpack_from(frame)[2:4] == (salt1, salt2) for frame in frames[valid:])
    return WalPages(pages, database_size, unread)


def _checksum(content: bytes, order: str, state: tuple[int, int]) -> tuple[int, int]:
    first, second = state
    for one, two in struct.iter_unpack(f"{order}II", content):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
