"""Maps: a TOML file that says how the columns of a table become the fields of events, and is refused where it is wrong.

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

from talkmeter.errors import Refused, shown
from talkmeter.ingest.event_types import EVENT_TYPES, ConversationData, InventoryData, RecordData, WorkflowExecutionData
from talkmeter.ingest.fields import MAX_SOURCE_BYTES, FieldError, read_id
from talkmeter.ledger.batch import Reason
from talkmeter.records import InventoryItem, Kind, closed_sets

Format = Literal["csv", "parquet"]
Unit = Literal["seconds", "milliseconds", "minutes", "h:mm:ss"]
Constant = str | bool | int | float
Content = Literal["text", "word", "instant", "duration", "flag", "integer"]
"""What a field holds; a word is one of a closed set."""

MAX_MAP_BYTES: Final = 1 << 20
UNIX_FORMATS: Final = {"unix seconds": 1_000_000, "unix milliseconds": 1_000, "unix microseconds": 1}
"""Formats of instants that are numbers since 1970, and how many microseconds one of theirs is."""

_INSTANTS: Final = frozenset({"event.time", "data.created_at"})
_FLAGS: Final = frozenset(f"data.{field.name}" for field in fields_of(InventoryItem) if field.type is bool)
_WORDS: Final = frozenset(f"data.{name}" for kind in Kind for name in closed_sets(kind))
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_SAMPLE: Final = datetime(2001, 12, 31, 22, 59, 58, tzinfo=UTC)


class FileForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[file]`: how the file is written; the format is by the file's ending where it is not named."""

    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    zone: str | None = None


class FieldMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one field comes from: a column, a template of columns, or a constant; and how its text is read."""

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


class EventForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[event]`: the attributes of the events; those that differ by the row are fields."""

    type: str
    source: str
    time: object
    id: object = None
    sequence: object = None


class Map(msgspec.Struct, frozen=True):
    """A whole map that has been found right; `fields` are keyed `event.time`, `data.status` and so on."""

    form: FileForm
    type: str
    source: str
    fields: dict[str, FieldMap]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, once, in order; no other is looked at."""
        return tuple(dict.fromkeys(name for field in self.fields.values() for name in columns_of(field)))

    def format_of(self, path: Path) -> Format:
        """CSV or Parquet: what the map says, else by the file's ending."""
        return self.form.format or ("parquet" if path.suffix.lower() in (".parquet", ".pq") else "csv")


class _Wrong(Exception):
    """What is wrong with a map, as a sentence that does not name the file."""


def read_map(path: Path, org_id: str | None) -> Map:
    """The map of a file; `org_id` is whose records they are, where the map does not say. Refused where it is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MAP_BYTES + 1)
        return _checked(_tables(raw), org_id)
    except OSError as error:
        raise Refused(f"The map {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Refused(f"The map {path} is not TOML: it is not UTF-8.") from None
    except RecursionError:
        raise Refused(f"The map {path} is not TOML that can be read: it is nested too deeply.") from None
    except _Wrong as error:
        raise Refused(f"The map {path}: {error}") from None
    except ValueError as error:
        raise Refused(f"The map {path} is not TOML: {said(error)}.") from None


def _tables(raw: bytes) -> dict[str, object]:
    if len(raw) > MAX_MAP_BYTES:
        raise _Wrong(f"it is longer than {MAX_MAP_BYTES} bytes, which no map is.")
    return tomllib.loads(raw.decode())


def columns_of(field: FieldMap) -> Iterator[str]:
    """The columns that a field reads."""
    if field.column is not None:
        yield field.column
    if field.template is not None:
        yield from (name for is_column, name in template_pieces(field.template) if is_column)
    yield from field.plus


def template_pieces(template: str) -> list[tuple[bool, str]]:
    """The pieces of a template in order: (True, a column) or (False, text). ValueError where it is none."""
    pieces: list[tuple[bool, str]] = []
    end = 0
    for found in _PIECE.finditer(template):
        pieces.append((False, template[end : found.start()]))
        end = found.end()
        match found.group():
            case "{{" | "}}" as brace:
                pieces.append((False, brace[0]))
            case "{" | "}" as brace:
                message = f"a {brace} stands alone"
                raise ValueError(message)
            case _:
                pieces.append((True, found.group(1)))
    pieces.append((False, template[end:]))
    return [piece for piece in pieces if piece[1]]


def content_of(name: str) -> Content:
    """What the field of a name holds."""
    if name in _INSTANTS:
        return "instant"
    if name in _FLAGS:
        return "flag"
    if name == "data.duration":
        return "duration"
    if name == "event.sequence":
        return "integer"
    return "word" if name in _WORDS else "text"


def words_of(type_: str, name: str) -> tuple[str, ...]:
    """Return the closed set that a field's words must be from; empty if the field may hold any text."""
    return closed_sets(EVENT_TYPES[type_].kind).get(name.removeprefix("data."), ())


def _checked(tables: dict[str, object], org_id: str | None) -> Map:
    for name in tables:
        if name not in ("file", "event", "data"):
            raise _Wrong(f"{shown(name)} is no table of a map; the tables are [file], [event] and [data].")
    form = _convert(tables.get("file", {}), FileForm, "file")
    _check_form(form)
    if "event" not in tables:
        raise _Wrong("the table [event] is missing; it says type, source and time of the events.")
    event = _convert(tables["event"], EventForm, "event")
    if event.type not in EVENT_TYPES:
        raise _Wrong(f"event.type is {shown(event.type)}; it must be one of {', '.join(sorted(EVENT_TYPES))}.")
    try:
        read_id("event.source", event.source, MAX_SOURCE_BYTES, Reason.INVALID_ENVELOPE)
    except FieldError as error:
        raise _Wrong(error.detail) from None
    fields = _data_fields(tables.get("data", {}), event.type, org_id)
    fields["event.id"] = _field(event.id, "event.id") if event.id is not None else fields["data.id"]
    fields["event.time"] = _field(event.time, "event.time")
    if event.sequence is not None:
        fields["event.sequence"] = _field(event.sequence, "event.sequence")
    for name, field in fields.items():
        _check_field(name, field, event.type, form)
    if fields["data.id"].value is not None:
        raise _Wrong("data.id is a constant, so all rows would be one record; name a column or a template.")
    return Map(form, event.type, event.source, fields)


def _data_fields(table: object, type_: str, org_id: str | None) -> dict[str, FieldMap]:
    """The fields of `[data]`: those of the type, and all that it requires."""
    if not isinstance(table, dict):
        raise _Wrong("[data] must be a table of fields.")
    known = fields_of(_data_type(type_))
    allowed = [one.name for one in known]
    fields: dict[str, FieldMap] = {}
    for name, raw in table.items():
        if name not in allowed:
            raise _Wrong(f"data.{_key(name)} is no field of {type_}; its fields are {', '.join(sorted(allowed))}.")
        fields[f"data.{name}"] = _field(raw, f"data.{name}")
    if org_id is not None:
        if "data.organization_id" in fields:
            raise _Wrong("data.organization_id says whose records these are, and so does --org; leave one of them out.")
        fields["data.organization_id"] = FieldMap(value=org_id)
    elif "data.organization_id" not in fields:
        raise _Wrong("nothing says whose records these are: give --org, or data.organization_id in the map.")
    for one in known:
        if one.required and f"data.{one.name}" not in fields:
            raise _Wrong(f"data.{one.name} is missing; {type_} requires it.")
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
    """A field; a text alone is a column's name."""
    if isinstance(raw, str):
        return FieldMap(column=raw)
    if not isinstance(raw, dict):
        raise _Wrong(f"{name} must be a column's name, or a table such as {{ value = 'inbound' }}.")
    return _convert(raw, FieldMap, name)


def _check_form(form: FileForm) -> None:
    try:
        "".encode(form.encoding)
        codecs.lookup(form.encoding)
    except (LookupError, ValueError):
        raise _Wrong(f"file.encoding is {shown(form.encoding)}, which is none that is known here; try utf-8.") from None
    if len(form.delimiter) != 1 or form.delimiter in "\r\n\0":
        raise _Wrong(f"file.delimiter must be one character, not {shown(form.delimiter)}.")
    if len(form.quote) > 1 or form.quote in tuple("\r\n\0" + form.delimiter):
        raise _Wrong(
            f"file.quote must be one character other than the delimiter, or '' where nothing is quoted, "
            f"not {shown(form.quote)}."
        )
    try:
        csv.reader((), delimiter=form.delimiter, quotechar=form.quote or None, quoting=quoting_of(form))
    except (TypeError, ValueError):
        raise _Wrong("file.delimiter and file.quote do not go together.") from None
    if form.zone is not None:
        try:
            ZoneInfo(form.zone)
        except (KeyError, ValueError, OSError):
            raise _Wrong(
                f"file.zone is {shown(form.zone)}, a time zone that is not known here; they are named like "
                "Europe/Berlin or UTC, and come with the system or with pip install tzdata."
            ) from None


def quoting_of(form: FileForm) -> Literal[0, 3]:
    """How the csv module is told whether cells are quoted."""
    return csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE


def _check_field(name: str, field: FieldMap, type_: str, form: FileForm) -> None:
    sources = [key for key in ("column", "template", "value") if getattr(field, key) is not None]
    if len(sources) != 1:
        has = " and ".join(sources) or "none of them"
        raise _Wrong(f"{name} must have exactly one of column, template and value; it has {has}.")
    _check_keys(name, field)
    if field.template is not None:
        try:
            pieces = template_pieces(field.template)
        except ValueError as error:
            raise _Wrong(f"{name}.template is {shown(field.template)}: {error}; write {{{{ for a brace.") from None
        if not any(is_column for is_column, _ in pieces):
            raise _Wrong(f"{name}.template names no column; write columns in braces, such as {{call_id}}.")
    if words := words_of(type_, name):
        for key, constants in (("value", [field.value]), ("values", (field.values or {}).values())):
            for constant in constants:
                if constant is not None and constant not in ("", *words):
                    raise _Wrong(f"{name}.{key} says {shown(str(constant))}; allowed are {', '.join(words)}.")
    if content_of(name) == "instant":
        _check_instant(name, field, form)


def _check_keys(name: str, field: FieldMap) -> None:
    """Keys that say nothing of a field like this one."""
    content = content_of(name)
    only_for = {
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
        "others": "it says what becomes of texts that values does not name",
        "empty": "it says which texts of columns stand for nothing",
        "unit": "it is for a duration",
        "format": "it is for an instant",
        "plus": "it is for an instant",
        "plus_unit": "it is the unit of the columns of plus",
    }
    for key, right in only_for.items():
        if not right:
            raise _Wrong(f"{name}.{key} does not belong there: {why[key]}.")


def _check_instant(name: str, field: FieldMap, form: FileForm) -> None:
    if field.format is None or field.format in UNIX_FORMATS:
        return
    try:
        datetime.strptime(_SAMPLE.strftime(field.format), field.format)  # noqa: DTZ007  it is thrown away
    except (ValueError, re.error):
        others = ", ".join(f"'{one}'" for one in UNIX_FORMATS)
        raise _Wrong(
            f"{name}.format is {shown(field.format)}, which is no format of Python's strptime such as "
            f"'%Y-%m-%d %H:%M:%S', nor one of {others}."
        ) from None
    if "%z" not in field.format.replace("%%", "") and form.zone is None:
        raise _Wrong(f"{name}.format has no offset (%z), so file.zone must say which time zone it is, such as 'UTC'.")


Converted = TypeVar("Converted", FileForm, EventForm, FieldMap)


def _convert(raw: object, type_: type[Converted], where: str) -> Converted:
    """A part of the TOML as a struct. _Wrong with the key that is not."""
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        message = str(error)
    path = _PATH.search(message)
    place = ".".join(part for part in (where, path.group(1) if path else "") if part)
    if unknown := _UNKNOWN.search(message):
        allowed = ", ".join(type_.__struct_fields__)
        raise _Wrong(f"{place}.{_key(unknown.group(1))} is no key of a map; allowed in {place} are {allowed}.")
    what = _PATH.sub("", message).rstrip(".")
    words = next((", ".join(_words(one.type)) for one in fields_of(type_) if path and one.name == path.group(1)), "")
    allowed = f"; allowed are {words}" if words else ""
    raise _Wrong(f"{place}: {what[:1].lower()}{what[1:200]}{allowed}.")


def _words(type_: object) -> Iterator[str]:
    """The words of a Literal, also where it is one of several types."""
    for inner in get_args(type_):
        if isinstance(inner, str):
            yield inner
        else:
            yield from _words(inner)


def _key(name: str) -> str:
    """A key as it stands in a sentence."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else shown(name)


def said(error: Exception) -> str:
    """What a reader of files said, on one line, printable and short."""
    line = str(error).partition("\n")[0][:200]
    return "".join(one if one.isprintable() else "?" for one in line).rstrip(".") or "it cannot be read"
