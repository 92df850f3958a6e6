"""Check the parts of a map. Each error is a sentence that names the key and the allowed values."""

import codecs
import csv
import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from talkmeter.errors import quoted
from talkmeter.ingest.instants import has_zone, normalized_format
from talkmeter.ingest.maps import (
    UNIX_FORMATS,
    FieldMap,
    FileSection,
    Map,
    choices_of,
    content_of_field,
    quoting_of,
    template_pieces,
)

_SAMPLE: Final = datetime(2001, 12, 31, 22, 59, 58, tzinfo=UTC)


class MapError(Exception):
    """What is wrong with a map, as a sentence without the file's name."""


def check_file(file: FileSection) -> None:
    """Check the table `[file]`."""
    try:
        "".encode(file.encoding)
        codecs.lookup(file.encoding)
    except (LookupError, ValueError):
        raise MapError(f"file.encoding is {quoted(file.encoding)}, which is unknown; try utf-8.") from None
    if len(file.delimiter) != 1 or file.delimiter in "\r\n\0":
        raise MapError(f"file.delimiter must be one character, not {quoted(file.delimiter)}.")
    if len(file.quote) > 1 or file.quote in tuple("\r\n\0" + file.delimiter):
        raise MapError(
            f"file.quote must be one character other than the delimiter, or '' if nothing is quoted, "
            f"not {quoted(file.quote)}."
        )
    try:
        csv.reader((), delimiter=file.delimiter, quotechar=file.quote or None, quoting=quoting_of(file))
    except (TypeError, ValueError):
        raise MapError("file.delimiter and file.quote cannot be combined.") from None
    if file.zone is not None:
        try:
            ZoneInfo(file.zone)
        except (KeyError, ValueError, OSError):
            raise MapError(
                f"file.zone is {quoted(file.zone)}, which is an unknown time zone; use a name such as Europe/Berlin or "
                "UTC. If the system has no time zones, run pip install tzdata."
            ) from None


def check_rows(map_: Map) -> None:
    """Check the keys above the tables, which must fit the type of the records."""
    rows = map_.rows
    for name, texts in rows.skip.items():
        if not texts:
            raise MapError(f"skip.{quoted(name)} is empty; list the texts whose rows are skipped, such as ['Fax'].")
    if map_.type == "conversation.updated":
        return
    for key, is_set in (("merge", rows.merge is not None), ("fill", rows.fill)):
        if is_set:
            raise MapError(f"{key} is for conversation.updated only, not for {map_.type}.")


def check_field(name: str, field: FieldMap, type_: str, file: FileSection) -> None:
    """Check one field of the table `[data]` or `[event]`."""
    _check_sources(name, field)
    _check_keys(name, field)
    if field.template is not None:
        _check_template(name, field.template, field.optional)
    if choices := choices_of(type_, name):
        for key, constants in (("value", [field.value]), ("values", (field.values or {}).values())):
            for constant in constants:
                if constant is not None and constant not in ("", *choices):
                    raise MapError(f"{name}.{key} has {quoted(str(constant))}; allowed: {', '.join(choices)}.")
    if field.others not in (None, "reject", "keep", *choices):
        allowed = ", ".join(("reject", "keep", *choices))
        raise MapError(f"{name}.others is {quoted(field.others or '')}; allowed: {allowed}.")
    if content_of_field(name) == "instant" or field.from_ is not None:
        _check_instant(name, field, file)


def _check_sources(name: str, field: FieldMap) -> None:
    """Raise an error unless the field has exactly one source."""
    span = field.from_ or field.to
    given = {"column": field.column, "template": field.template, "value": field.value, "from": span}
    sources = [key for key, source in given.items() if source is not None]
    if len(sources) != 1:
        has = " and ".join(sources) or "none of them"
        allowed = "column, template, value and from" if name == "data.duration" else "column, template and value"
        raise MapError(f"{name} must have exactly one of {allowed}; it has {has}.")
    if span and not (field.from_ and field.to):
        raise MapError(f"{name} must have both from and to: the columns of the start and the end.")


def _check_template(name: str, template: str, optional: tuple[str, ...]) -> None:
    try:
        pieces = template_pieces(template)
    except ValueError as error:
        raise MapError(f"{name}.template is {quoted(template)}: {error}; write {{{{ for a brace.") from None
    columns = [piece for is_column, piece in pieces if is_column]
    if not columns:
        raise MapError(f"{name}.template names no column; write columns in braces, such as {{call_id}}.")
    for column in optional:
        if column not in columns:
            raise MapError(f"{name}.optional has {quoted(column)}, which is not a column of the template.")


def _check_keys(name: str, field: FieldMap) -> None:
    """Raise an error for a key that has no effect on this field."""
    content = content_of_field(name)
    allowed = {
        "values": field.values is None or field.column is not None,
        "others": field.others is None or field.values is not None,
        "empty": not field.empty or field.value is None,
        "unit": field.unit is None or content == "duration",
        "format": field.format is None or content == "instant" or field.from_ is not None,
        "from": (field.from_ is None and field.to is None) or content == "duration",
        "fallback": field.fallback is None or field.value is None,
        "optional": not field.optional or field.template is not None,
        "plus": not field.plus or content == "instant",
        "plus_unit": field.plus_unit is None or bool(field.plus),
    }
    why = {
        "values": "it translates the texts of a column",
        "others": "it is for texts that values does not translate",
        "empty": "it lists the texts of columns that mean no value",
        "unit": "it is for a duration",
        "format": "it is for an instant",
        "from": "it is for a duration",
        "fallback": "it is the column that is read if the others are empty",
        "optional": "it lists the columns of a template that may be empty",
        "plus": "it is for an instant",
        "plus_unit": "it is the unit of the columns of plus",
    }
    for key, is_allowed in allowed.items():
        if not is_allowed:
            raise MapError(f"{name}.{key} is not allowed here: {why[key]}.")


def _check_instant(name: str, field: FieldMap, file: FileSection) -> None:
    if field.format is None or field.format in UNIX_FORMATS:
        return
    format_ = normalized_format(field.format)
    try:
        datetime.strptime(_SAMPLE.strftime(format_), format_)  # noqa: DTZ007  only the format is checked
    except (ValueError, re.error):
        others = ", ".join(f"'{format_}'" for format_ in UNIX_FORMATS)
        raise MapError(
            f"{name}.format must be a format of Python's strptime such as '%Y-%m-%d %H:%M:%S', or one of {others}, "
            f"not {quoted(field.format)}."
        ) from None
    if not has_zone(format_) and file.zone is None:
        raise MapError(f"{name}.format has no offset (%z), so file.zone is required, such as 'UTC'.")
