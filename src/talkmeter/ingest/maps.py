"""A map: how the columns of a table become the fields of events.

docs/how-to/import-files.md lists the keys. The fields of a map are those of its event type.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec.structs import fields as fields_of

from talkmeter.ingest.event_types import EVENT_TYPES, ConversationData, InventoryData, RecordData, WorkflowExecutionData
from talkmeter.records import InventoryItem, Kind, closed_sets

Format = Literal["csv", "parquet", "jsonl", "xlsx"]
Unit = Literal["seconds", "milliseconds", "minutes", "hours", "h:mm:ss", "mm:ss"]
Merge = Literal["sum", "longest"]
DecimalSign = Literal[".", ","]
Constant = str | bool | int | float
FieldContent = Literal["text", "choice", "instant", "duration", "flag", "integer"]
"""The kind of a field's values; a choice is one of a closed set."""

UNIX_FORMATS: Final = {"unix seconds": 1_000_000, "unix milliseconds": 1_000, "unix microseconds": 1}
"""The formats of instants as numbers since 1970, with their unit in microseconds."""

FORMATS_BY_EXTENSION: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
}
COMPRESSED: Final = (".gz", ".zst")

_INSTANTS: Final = frozenset({"event.time", "data.created_at"})
_FLAGS: Final = frozenset(f"data.{field.name}" for field in fields_of(InventoryItem) if field.type is bool)
_CHOICES: Final = frozenset(f"data.{name}" for kind in Kind for name in closed_sets(kind))
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


class FileSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[file]`: the format of the file. If `format` is missing, the file's extension decides."""

    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    zone: str | None = None
    decimal: DecimalSign | None = None
    sheet: str | None = None


class FieldMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field: its source (a column, a template, a constant, or two instants), and how its text is read."""

    column: str | None = None
    template: str | None = None
    value: Constant | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    fallback: str | None = None
    optional: tuple[str, ...] = ()
    values: dict[str, Constant] | None = None
    others: str | None = None
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


class RowsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys above the tables: the rows to skip, and how rows and stored conversations are combined.

    `skip` has the texts of columns whose rows are not imported. With `fill`, only empty fields of stored conversations
    are set.
    """

    skip: dict[str, tuple[Constant, ...]] = {}
    merge: Merge | None = None
    fill: bool = False


class Map(msgspec.Struct, frozen=True):
    """A valid map. The keys of `fields` are `event.time`, `data.status` and so on."""

    file: FileSection
    type: str
    source: str
    fields: dict[str, FieldMap]
    rows: RowsSection = RowsSection()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, without repetition and in order."""
        names = [name for field in self.fields.values() for name in columns_of(field)]
        return tuple(dict.fromkeys((*names, *self.rows.skip)))

    @property
    def kind(self) -> Kind:
        """The kind of the records."""
        return EVENT_TYPES[self.type].kind

    def format_of(self, path: Path) -> Format:
        """Return the format that the map names, or else that of the file's extension."""
        return self.file.format or format_by_extension(path)


def format_by_extension(path: Path) -> Format:
    """Return the format of a file by its extension, CSV if it is unknown; .gz and .zst are ignored."""
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return FORMATS_BY_EXTENSION.get(name.suffix.lower(), "csv")


def data_type(type_: str) -> type[RecordData]:
    """Return the struct of the fields of an event type."""
    if type_.endswith(".deleted"):
        return RecordData
    match EVENT_TYPES[type_].kind:
        case Kind.CONVERSATION:
            return ConversationData
        case Kind.WORKFLOW_EXECUTION:
            return WorkflowExecutionData
        case _:
            return InventoryData


def columns_of(field: FieldMap) -> Iterator[str]:
    """Yield the columns that a field reads."""
    if field.template is not None:
        yield from (name for is_column, name in template_pieces(field.template) if is_column)
    yield from (name for name in (field.column, field.from_, field.to, field.fallback) if name is not None)
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


def quoting_of(file: FileSection) -> Literal[0, 3]:
    """Return the `quoting` argument for the csv module."""
    return csv.QUOTE_MINIMAL if file.quote else csv.QUOTE_NONE
