"""Adds up the sizes that the pages of a Parquet file state, which the sizes in its footer may contradict.

pyarrow allocates what the header of a page states. The headers are Thrift structs in the compact protocol.
"""

from collections.abc import Iterator
from typing import Final

_UNCOMPRESSED, _COMPRESSED = 2, 3
"""Fields of a page's header: the size of its content in memory and in the file."""
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, 12
_MAX_DEPTH: Final = 20
Buffer = memoryview


def page_sizes(content: Buffer, begin: int, end: int) -> Iterator[int]:
    """Yield the uncompressed size of each page of a column chunk. Raises ValueError if a page's header is damaged."""
    end = min(end, len(content))
    at = begin
    while at < end:
        try:
            fields, at = _read_struct(content, at, 0)
            uncompressed, compressed = fields[_UNCOMPRESSED], fields[_COMPRESSED]
        except (IndexError, KeyError):
            message = "the header of a page is damaged"
            raise ValueError(message) from None
        if uncompressed < 0 or compressed < 0:
            message = "the header of a page has a negative size"
            raise ValueError(message)
        yield uncompressed
        at += compressed


def _read_struct(content: Buffer, at: int, depth: int) -> tuple[dict[int, int], int]:
    """Return the integer fields of a struct by number, and the position after it."""
    if depth > _MAX_DEPTH:
        raise IndexError
    fields: dict[int, int] = {}
    number = 0
    while head := content[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _read_integer(content, at)
        if head & 15 in _INTEGERS:
            fields[number], at = _read_integer(content, at)
        else:
            at = _skip(content, at, head & 15, depth)
    return fields, at + 1


def _skip(content: Buffer, at: int, type_: int, depth: int) -> int:
    """Return the position after a value."""
    if type_ in (_TRUE, _FALSE):
        return at
    if type_ == _BYTE:
        return at + 1
    if type_ in _INTEGERS:
        return _read_varint(content, at)[1]
    if type_ == _DOUBLE:
        return at + 8
    if type_ == _BINARY:
        size, at = _read_varint(content, at)
        return at + size
    if type_ == _STRUCT:
        return _read_struct(content, at, depth + 1)[1]
    # A page's header has no lists and no maps.
    raise IndexError


def _read_integer(content: Buffer, at: int) -> tuple[int, int]:
    number, at = _read_varint(content, at)
    return number >> 1 ^ -(number & 1), at


def _read_varint(content: Buffer, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError
