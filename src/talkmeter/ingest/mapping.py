"""Read and check a map: a TOML file that says how the columns of a table become the fields of events.

docs/how-to/import-files.md lists the keys. The fields of a map are those of its event type.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar, get_args

import msgspec
from msgspec.structs import fields as fields_of

from talkmeter.errors import OperationFailed, error_text, quoted
from talkmeter.ingest.event_types import EVENT_TYPES
from talkmeter.ingest.fields import MAX_SOURCE_BYTES, FieldError, read_id
from talkmeter.ingest.map_checks import MapError, check_field, check_file, check_rows
from talkmeter.ingest.maps import EventSection, FieldMap, FileSection, Map, RowsSection, data_type
from talkmeter.ledger.batch import Reason

MAX_MAP_BYTES: Final = 256 << 10
MAX_DOTS: Final = 200
"""Dots in one line of a map; the parser's time and memory grow with the square of the parts of a key."""

_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)


def read_map(path: Path, org_id: str | None) -> Map:
    """Read a map file. `org_id` is the organization of the records; None if the map must name it.

    Raises OperationFailed if the map is invalid.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MAP_BYTES + 1)
        return _to_map(_parse_toml(raw), org_id)
    except OSError as error:
        raise OperationFailed(f"The map {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise OperationFailed(f"The map {path} is not TOML: it is not UTF-8.") from None
    except RecursionError:
        raise OperationFailed(f"The map {path} cannot be read: its TOML is nested too deeply.") from None
    except MapError as error:
        raise OperationFailed(f"The map {path}: {error}") from None
    except ValueError as error:
        raise OperationFailed(f"The map {path} is not TOML: {error_text(error)}.") from None


def _parse_toml(raw: bytes) -> dict[str, object]:
    if len(raw) > MAX_MAP_BYTES:
        raise MapError(f"it is larger than {MAX_MAP_BYTES} bytes.")
    text = raw.decode()
    # Not `splitlines`: a key may contain other characters that end a line for Python, such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_DOTS and not line.lstrip().startswith("#"):
            raise MapError(f"line {number} has more than {MAX_DOTS} dots; write it as several lines.")
    return tomllib.loads(text)


def _to_map(tables: dict[str, object], org_id: str | None) -> Map:
    for name, table in tables.items():
        if name not in ("file", "event", "data", *RowsSection.__struct_fields__):
            raise MapError(f"unknown table {quoted(name)}; the tables are [file], [event] and [data].")
        _check_place(name, table)
    rows = _convert({name: tables[name] for name in RowsSection.__struct_fields__ if name in tables}, RowsSection, "")
    file = _convert(tables.get("file", {}), FileSection, "file")
    check_file(file)
    if "event" not in tables:
        raise MapError("the table [event] is missing; it must have type, source and time.")
    event = _convert(tables["event"], EventSection, "event")
    if event.type not in EVENT_TYPES:
        raise MapError(f"event.type is {quoted(event.type)}; it must be one of {', '.join(sorted(EVENT_TYPES))}.")
    try:
        read_id("event.source", event.source, MAX_SOURCE_BYTES, Reason.INVALID_ENVELOPE)
    except FieldError as error:
        raise MapError(error.detail) from None
    fields = _data_fields(tables.get("data", {}), event.type, org_id)
    fields["event.id"] = _field(event.id, "event.id") if event.id is not None else fields["data.id"]
    fields["event.time"] = _field(event.time, "event.time")
    if event.sequence is not None:
        fields["event.sequence"] = _field(event.sequence, "event.sequence")
    for name, field in fields.items():
        check_field(name, field, event.type, file)
    if fields["data.id"].value is not None:
        raise MapError("data.id is a constant, so all rows would be one record; name a column or a template.")
    map_ = Map(file, event.type, event.source, fields, rows)
    check_rows(map_)
    return map_


def _check_place(name: str, table: object) -> None:
    """Raise MapError if a key is inside a table although it belongs above the tables."""
    for key in RowsSection.__struct_fields__:
        if name in ("file", "event", "data") and isinstance(table, dict) and key in table:
            raise MapError(f"{name}.{key} is in a table; write {key} above the first table of the map.")


def _data_fields(table: object, type_: str, org_id: str | None) -> dict[str, FieldMap]:
    """Return the fields of `[data]`. Raises MapError if one is unknown, or one that the type requires is missing."""
    if not isinstance(table, dict):
        raise MapError("[data] must be a table of fields.")
    known = fields_of(data_type(type_))
    allowed = [field.name for field in known]
    fields: dict[str, FieldMap] = {}
    for name, raw in table.items():
        if name not in allowed:
            raise MapError(f"data.{_key(name)} is not a field of {type_}; its fields are {', '.join(sorted(allowed))}.")
        fields[f"data.{name}"] = _field(raw, f"data.{name}")
    if org_id is not None:
        if "data.organization_id" in fields:
            raise MapError("data.organization_id and --org both name the organization; leave one of them out.")
        fields["data.organization_id"] = FieldMap(value=org_id)
    elif "data.organization_id" not in fields:
        raise MapError("the organization is missing; give --org, or data.organization_id in the map.")
    for required in known:
        if required.required and f"data.{required.name}" not in fields:
            raise MapError(f"data.{required.name} is missing; {type_} requires it.")
    return fields


def _field(raw: object, name: str) -> FieldMap:
    """Return a field from TOML; a string is the name of a column."""
    if isinstance(raw, str):
        return FieldMap(column=raw)
    if not isinstance(raw, dict):
        raise MapError(f"{name} must be a column's name, or a table such as {{ value = 'inbound' }}.")
    return _convert(raw, FieldMap, name)


Converted = TypeVar("Converted", FileSection, EventSection, FieldMap, RowsSection)


def _convert(raw: object, type_: type[Converted], where: str) -> Converted:
    """Convert a part of the TOML to a struct. Raises MapError with the invalid key."""
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        message = str(error)
    path = _PATH.search(message)
    place = ".".join(part for part in (where, path.group(1) if path else "") if part)
    if unknown := _UNKNOWN.search(message):
        allowed = ", ".join(type_.__struct_encode_fields__)
        raise MapError(f"{place}.{_key(unknown.group(1))} is not a key of a map; allowed in {place}: {allowed}.")
    problem = _PATH.sub("", message).rstrip(".")
    literals = next(
        (", ".join(_literals(field.type)) for field in fields_of(type_) if path and field.encode_name == path.group(1)),
        "",
    )
    allowed = f"; allowed: {literals}" if literals else ""
    raise MapError(f"{place}: {problem[:1].lower()}{problem[1:200]}{allowed}.")


def _literals(type_: object) -> Iterator[str]:
    """Yield the values of a Literal, also inside a union."""
    for inner in get_args(type_):
        if isinstance(inner, str):
            yield inner
        else:
            yield from _literals(inner)


def _key(name: str) -> str:
    """Return a key as error sentences show it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else quoted(name)
