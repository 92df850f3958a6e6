"""Read JSON lines: each line has an object, and a column is a key or a path such as `agent.name`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from talkmeter.errors import OperationFailed, quoted
from talkmeter.ingest.compressed import open_decompressed
from talkmeter.ingest.maps import Map
from talkmeter.ingest.tables.parts import MAX_ROW, TablePart, TableRow, in_parts, is_text

_SPACE: Final = re.compile(r"\s*")
# Numbers stay texts, so that no digit of an id or a duration is lost.
_decode: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).raw_decode


def read_json_lines(path: Path, map_: Map) -> Iterator[TablePart]:
    """Yield the objects of a file. A column that an object lacks is empty."""
    columns = [(name, name.split(".")) for name in map_.columns]
    with open_decompressed(path) as (file, bytes_read):
        yield from in_parts(_rows_of_file(path, file, columns), bytes_read)


def _rows_of_file(path: Path, file: IO[bytes], columns: list[tuple[str, list[str]]]) -> Iterator[TableRow]:
    for number, line in enumerate(iter(lambda: file.readline(MAX_ROW + 1), b""), 1):
        if len(line) > MAX_ROW:
            raise OperationFailed(f"{path}, line {number}: longer than {MAX_ROW} bytes; is it JSON lines?")
        if number == 1 and line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            raise OperationFailed(f"{path} is a JSON array; write one object per line, as `jq -c '.[]' FILE` does.")
        yield from _rows(number, line, columns)


def values_of_line(line: bytes) -> Iterator[object]:
    """Yield the JSON values of a line, usually one; some programs write no line breaks between objects.

    Numbers are texts. Raises ValueError or RecursionError if the line is not JSON.
    """
    text = line.decode("utf-8-sig").strip()
    end = 0
    while end < len(text):
        value, end = _decode(text, end)
        yield value
        end = _SPACE.match(text, end).end()  # type: ignore[union-attr]  # it matches everywhere


def _rows(number: int, line: bytes, columns: list[tuple[str, list[str]]]) -> Iterator[TableRow]:
    try:
        for value in values_of_line(line):
            yield _row(number, value, columns)
    except UnicodeDecodeError:
        yield TableRow(number, (), "the line is not UTF-8")
    except json.JSONDecodeError as error:
        yield TableRow(number, (), f"the line is not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        yield TableRow(number, (), "the line is nested too deeply")


def _row(number: int, value: object, columns: list[tuple[str, list[str]]]) -> TableRow:
    if not isinstance(value, dict):
        return TableRow(number, (), "the line is not a JSON object")
    cells: list[str] = []
    for name, path in columns:
        found = value[name] if name in value else _at(value, path)
        if isinstance(found, dict | list):
            return TableRow(number, (), f"{quoted(name)} is not a single value; name a value inside of it with a dot")
        text = "" if found is None else found if isinstance(found, str) else str(found).lower()
        if not text.isascii() and not is_text(text):
            return TableRow(number, (), "a text is not Unicode")
        cells.append(text)
    return TableRow(number, cells)


def _at(value: object, path: list[str]) -> object:
    """Return the value at a path of keys, and of numbers for the elements of arrays; None if it is absent."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            return None
    return value
