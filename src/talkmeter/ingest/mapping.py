"""Read and check a map: a TOML file that says how the columns of a table become the fields of events.

docs/how-to/import-files.md lists the keys. The fields of a map are those of its event type.
"""

import codecs
import csv
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import fields as fields_of

from talkmeter.errors import OperationFailed, quoted
from talkmeter.ingest.event_types import EVENT_TYPES, ConversationData, InventoryData, RecordData, WorkflowExecutionData
from talkmeter.ingest.fields import MAX_SOURCE_BYTES, FieldError, read_id
from talkmeter.ledger.batch import Reason
from talkmeter.records import InventoryItem, Kind, closed_sets

Format = Literal["csv", "parquet"]
Unit = Literal["seconds", "milliseconds", "minutes", "h:mm:ss"]
Constant = str | bool | int | float
FieldContent = Literal["text", "choice", "instant", "duration", "flag", "integer"]
"""The kind of a field's values; a choice is one of a closed set."""

MAX_MAP_BYTES: Final = 1 << 20
UNIX_FORMATS: Final = {"unix seconds": 1_000_000, "unix milliseconds": 1_000, "unix microseconds": 1}
"""The formats of instants as numbers since 1970, with their unit in microseconds."""

_INSTANTS: Final = frozenset({"event.time", "data.created_at"})
_FLAGS: Final = frozenset(f"data.{field.name}" for field in fields_of(InventoryItem) if field.type is bool)
_CHOICES: Final = frozenset(f"data.{name}" for kind in Kind for name in closed_sets(kind))
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_SAMPLE: Final = datetime(2001, 12, 31, 22, 59, 58, tzinfo=UTC)


class FileSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[file]`: the format of the file. If `format` is missing, the file's extension decides."""

    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    zone: str | None = None


class FieldMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field: its source (a column, a template of columns, or a constant), and how its text is read."""

    column: str | None = None
    template: str | None = None
    value: Constant | None = None
    values: dict[str, Constant] | None = None
    others: Literal["reject", "keep"] | None = None
    empty: tuple[str, ...] = ()
    unit: Unit | None = None
    format: str | None = None
    plus: tuple[str, ...] = ()
    plus_unit: Unit | None = None


class EventSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[event]`: the attributes of the events; `time`, `id` and `sequence` are fields."""

    type: str
    source: str
    time: object
    id: object = None
    sequence: object = None


class Map(msgspec.Struct, frozen=True):
    """A valid map. The keys of `fields` are `event.time`, `data.status` and so on."""

    file: FileSection
    type: str
    source: str
    fields: dict[str, FieldMap]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, without repetition and in order."""
        return tuple(dict.fromkeys(name for field in self.fields.values() for name in columns_of(field)))

    def format_of(self, path: Path) -> Format:
        """Return the format that the map names, or else that of the file's extension."""
        return self.file.format or ("parquet" if path.suffix.lower() in (".parquet", ".pq") else "csv")


class _MapError(Exception):
    """What is wrong with a map, as a sentence without the file's name."""


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
    except _MapError as error:
        raise OperationFailed(f"The map {path}: {error}") from None
    except ValueError as error:
        raise OperationFailed(f"The map {path} is not TOML: {error_text(error)}.") from None


def _parse_toml(raw: bytes) -> dict[str, object]:
    if len(raw) > MAX_MAP_BYTES:
        raise _MapError(f"it is larger than {MAX_MAP_BYTES} bytes.")
    return tomllib.loads(raw.decode())


def columns_of(field: FieldMap) -> Iterator[str]:
    """Yield the columns that a field reads."""
    if field.column is not None:
        yield field.column
    if field.template is not None:
        yield from (name for is_column, name in template_pieces(field.template) if is_column)
    yield from field.plus


def template_pieces(template: str) -> list[tuple[bool, str]]:
    """Return the pieces of a template in order: (True, column) or (False, text).

    Raises ValueError if a brace is unmatched.
    """
    pieces: list[tuple[bool, str]] = []
    end = 0
    for found in _PIECE.finditer(template):
        pieces.append((False, template[end : found.start()]))
        end = found.end()
        match found.group():
            case "{{" | "}}" as brace:
                pieces.append((False, brace[0]))
            case "{" | "}" as brace:
                message = f"a {brace} is unmatched"
                raise ValueError(message)
            case _:
                pieces.append((True, found.group(1)))
    pieces.append((False, template[end:]))
    return [piece for piece in pieces if piece[1]]


def content_of_field(name: str) -> FieldContent:
    """Return the kind of a field's values."""
    if name in _INSTANTS:
        return "instant"
    if name in _FLAGS:
        return "flag"
    if name == "data.duration":
        return "duration"
    if name == "event.sequence":
        return "integer"
    return "choice" if name in _CHOICES else "text"


def choices_of(type_: str, name: str) -> tuple[str, ...]:
    """Return the allowed values of a field, empty if any text is allowed."""
    return closed_sets(EVENT_TYPES[type_].kind).get(name.removeprefix("data."), ())


def _to_map(tables: dict[str, object], org_id: str | None) -> Map:
    for name in tables:
        if name not in ("file", "event", "data"):
            raise _MapError(f"unknown table {quoted(name)}; the tables are [file], [event] and [data].")
    file = _convert(tables.get("file", {}), FileSection, "file")
    _check_file(file)
    if "event" not in tables:
        raise _MapError("the table [event] is missing; it must have type, source and time.")
    event = _convert(tables["event"], EventSection, "event")
    if event.type not in EVENT_TYPES:
        raise _MapError(f"event.type is {quoted(event.type)}; it must be one of {', '.join(sorted(EVENT_TYPES))}.")
    try:
        read_id("event.source", event.source, MAX_SOURCE_BYTES, Reason.INVALID_ENVELOPE)
    except FieldError as error:
        raise _MapError(error.detail) from None
    fields = _data_fields(tables.get("data", {}), event.type, org_id)
    fields["event.id"] = _field(event.id, "event.id") if event.id is not None else fields["data.id"]
    fields["event.time"] = _field(event.time, "event.time")
    if event.sequence is not None:
        fields["event.sequence"] = _field(event.sequence, "event.sequence")
    for name, field in fields.items():
        _check_field(name, field, event.type, file)
    if fields["data.id"].value is not None:
        raise _MapError("data.id is a constant, so all rows would be one record; name a column or a template.")
    return Map(file, event.type, event.source, fields)


def _data_fields(table: object, type_: str, org_id: str | None) -> dict[str, FieldMap]:
    """Return the fields of `[data]`. Raises _MapError if one is unknown, or one that the type requires is missing."""
    if not isinstance(table, dict):
        raise _MapError("[data] must be a table of fields.")
    known = fields_of(_data_type(type_))
    allowed = [field.name for field in known]
    fields: dict[str, FieldMap] = {}
    for name, raw in table.items():
        if name not in allowed:
            raise _MapError(
                f"data.{_key(name)} is not a field of {type_}; its fields are {', '.join(sorted(allowed))}."
            )
        fields[f"data.{name}"] = _field(raw, f"data.{name}")
    if org_id is not None:
        if "data.organization_id" in fields:
            raise _MapError("data.organization_id and --org both name the organization; leave one of them out.")
        fields["data.organization_id"] = FieldMap(value=org_id)
    elif "data.organization_id" not in fields:
        raise _MapError("the organization is missing; give --org, or data.organization_id in the map.")
    for required in known:
        if required.required and f"data.{required.name}" not in fields:
            raise _MapError(f"data.{required.name} is missing; {type_} requires it.")
    return fields


def _data_type(type_: str) -> type[RecordData]:
    if type_.endswith(".deleted"):
        return RecordData
    match EVENT_TYPES[type_].kind:
        case Kind.CONVERSATION:
            return ConversationData
        case Kind.WORKFLOW_EXECUTION:
            return WorkflowExecutionData
        case _:
            return InventoryData


def _field(raw: object, name: str) -> FieldMap:
    """Return a field from TOML; a string is the name of a column."""
    if isinstance(raw, str):
        return FieldMap(column=raw)
    if not isinstance(raw, dict):
        raise _MapError(f"{name} must be a column's name, or a table such as {{ value = 'inbound' }}.")
    return _convert(raw, FieldMap, name)


def _check_file(file: FileSection) -> None:
    try:
        "".encode(file.encoding)
        codecs.lookup(file.encoding)
    except (LookupError, ValueError):
        raise _MapError(f"file.encoding is {quoted(file.encoding)}, which is unknown; try utf-8.") from None
    if len(file.delimiter) != 1 or file.delimiter in "\r\n\0":
        raise _MapError(f"file.delimiter must be one character, not {quoted(file.delimiter)}.")
    if len(file.quote) > 1 or file.quote in tuple("\r\n\0" + file.delimiter):
        raise _MapError(
            f"file.quote must be one character other than the delimiter, or '' if nothing is quoted, "
            f"not {quoted(file.quote)}."
        )
    try:
        csv.reader((), delimiter=file.delimiter, quotechar=file.quote or None, quoting=quoting_of(file))
    except (TypeError, ValueError):
        raise _MapError("file.delimiter and file.quote cannot be combined.") from None
    if file.zone is not None:
        try:
            ZoneInfo(file.zone)
        except (KeyError, ValueError, OSError):
            raise _MapError(
                f"file.zone is {quoted(file.zone)}, which is an unknown time zone; use a name such as Europe/Berlin or "
                "UTC. If the system has no time zones, run pip install tzdata."
            ) from None


def quoting_of(file: FileSection) -> Literal[0, 3]:
    """Return the `quoting` argument for the csv module."""
    return csv.QUOTE_MINIMAL if file.quote else csv.QUOTE_NONE


def _check_field(name: str, field: FieldMap, type_: str, file: FileSection) -> None:
    sources = [key for key in ("column", "template", "value") if getattr(field, key) is not None]
    if len(sources) != 1:
        has = " and ".join(sources) or "none of them"
        raise _MapError(f"{name} must have exactly one of column, template and value; it has {has}.")
    _check_keys(name, field)
    if field.template is not None:
        try:
            pieces = template_pieces(field.template)
        except ValueError as error:
            raise _MapError(f"{name}.template is {quoted(field.template)}: {error}; write {{{{ for a brace.") from None
        if not any(is_column for is_column, _ in pieces):
            raise _MapError(f"{name}.template names no column; write columns in braces, such as {{call_id}}.")
    if choices := choices_of(type_, name):
        for key, constants in (("value", [field.value]), ("values", (field.values or {}).values())):
            for constant in constants:
                if constant is not None and constant not in ("", *choices):
                    raise _MapError(f"{name}.{key} has {quoted(str(constant))}; allowed: {', '.join(choices)}.")
    if content_of_field(name) == "instant":
        _check_instant(name, field, file)


def _check_keys(name: str, field: FieldMap) -> None:
    """Raise an error for a key that has no effect on this field."""
    content = content_of_field(name)
    allowed = {
        "values": field.values is None or field.column is not None,
        "others": field.others is None or field.values is not None,
        "empty": not field.empty or field.value is None,
        "unit": field.unit is None or content == "duration",
        "format": field.format is None or content == "instant",
        "plus": not field.plus or content == "instant",
        "plus_unit": field.plus_unit is None or bool(field.plus),
    }
    why = {
        "values": "it translates the texts of a column",
        "others": "it is for texts that values does not translate",
        "empty": "it lists the texts of columns that mean no value",
        "unit": "it is for a duration",
        "format": "it is for an instant",
        "plus": "it is for an instant",
        "plus_unit": "it is the unit of the columns of plus",
    }
    for key, is_allowed in allowed.items():
        if not is_allowed:
            raise _MapError(f"{name}.{key} is not allowed here: {why[key]}.")


def _check_instant(name: str, field: FieldMap, file: FileSection) -> None:
    if field.format is None or field.format in UNIX_FORMATS:
        return
    try:
        datetime.strptime(_SAMPLE.strftime(field.format), field.format)  # noqa: DTZ007  only the format is checked
    except (ValueError, re.error):
        others = ", ".join(f"'{format_}'" for format_ in UNIX_FORMATS)
        raise _MapError(
            f"{name}.format must be a format of Python's strptime such as '%Y-%m-%d %H:%M:%S', or one of {others}, "
            f"not {quoted(field.format)}."
        ) from None
    if "%z" not in field.format.replace("%%", "") and file.zone is None:
        raise _MapError(f"{name}.format has no offset (%z), so file.zone is required, such as 'UTC'.")


Converted = TypeVar("Converted", FileSection, EventSection, FieldMap)


def _convert(raw: object, type_: type[Converted], where: str) -> Converted:
    """Convert a part of the TOML to a struct. Raises _MapError with the invalid key."""
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        message = str(error)
    path = _PATH.search(message)
    place = ".".join(part for part in (where, path.group(1) if path else "") if part)
    if unknown := _UNKNOWN.search(message):
        allowed = ", ".join(type_.__struct_fields__)
        raise _MapError(f"{place}.{_key(unknown.group(1))} is not a key of a map; allowed in {place}: {allowed}.")
    problem = _PATH.sub("", message).rstrip(".")
    literals = next(
        (", ".join(_literals(field.type)) for field in fields_of(type_) if path and field.name == path.group(1)), ""
    )
    allowed = f"; allowed: {literals}" if literals else ""
    raise _MapError(f"{place}: {problem[:1].lower()}{problem[1:200]}{allowed}.")


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


def error_text(error: Exception) -> str:
    """Return the first line of an exception's text, printable and at most 200 characters long."""
    line = str(error).partition("\n")[0][:200]
    return "".join(char if char.isprintable() else "?" for char in line).rstrip(".") or "it cannot be read"
