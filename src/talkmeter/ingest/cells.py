"""Read single cells of tables: convert texts of many formats to values of event fields, or raise FieldError."""

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from talkmeter.errors import quoted
from talkmeter.ingest.durations import seconds_of_cell
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.instants import instant_of_cell
from talkmeter.ingest.maps import (
    Constant,
    DecimalSign,
    FieldContent,
    FieldMap,
    Map,
    Unit,
    choices_of,
    content_of_field,
    template_pieces,
)
from talkmeter.ledger.batch import Reason
from talkmeter.period import format_instant, within_range

Cells = Sequence[str]
"""The cells of one row that a map reads, in the order of `Map.columns`; "" if a cell is empty."""

ReadText = Callable[[Cells], str]
Value = str | bool | msgspec.Raw | None
ReadField = Callable[[Cells], Value]
"""Returns the value of one field from a row. Raises FieldError if it is invalid."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def field_reader(map_: Map, name: str) -> ReadField:
    """Return the function that reads the field from a row."""
    field = map_.fields[name]
    indexes = {column: index for index, column in enumerate(map_.columns)}
    if field.from_ is not None:
        return _span_reader(name, field, indexes, map_)
    text = _text_reader(name, field, indexes)
    choices = frozenset(choices_of(map_.type, name))
    readers: dict[FieldContent, Callable[[], ReadField]] = {
        "instant": lambda: _instant_reader(name, field, text, map_),
        "duration": lambda: _duration_reader(name, field, text, map_),
        "flag": lambda: lambda cells: _flag(name, text(cells)),
        "integer": lambda: lambda cells: _integer(name, text(cells)),
        "choice": lambda: lambda cells: _choice(name, text(cells), choices),
        "text": lambda: text,
    }
    return readers[content_of_field(name)]()


def constant_text(constant: Constant) -> str:
    """Return a constant of a map as the text of a cell."""
    return str(constant).lower() if isinstance(constant, bool) else str(constant)


def _text_reader(name: str, field: FieldMap, indexes: dict[str, int]) -> ReadText:
    """Return the function that reads a field's text from a row; it returns "" if the field is empty."""
    if field.value is not None:
        constant = constant_text(field.value)
        return lambda _: constant
    read = _source_reader(name, field, field.column or "", indexes)
    if field.fallback is None:
        return read
    # A fallback is a column that is read like `column`, with the same words.
    read_fallback = _source_reader(name, replace(field, template=None), field.fallback, indexes)
    return lambda cells: read(cells) or read_fallback(cells)


def _source_reader(name: str, field: FieldMap, column: str, indexes: dict[str, int]) -> ReadText:
    """Return the function that reads the template of a field, or else a column."""
    empty = frozenset(field.empty)
    if field.template is not None:
        return _template_reader(name, field, indexes, empty)
    index = indexes[column]
    if field.values is not None:
        translations = {text: constant_text(constant) for text, constant in field.values.items()}
        others = field.others or "reject"
        return lambda cells: _translate(name, column, cells[index], translations, empty, others)
    if empty:
        return lambda cells: "" if cells[index] in empty else cells[index]
    return lambda cells: cells[index]


def _translate(
    name: str, column: str, text: str, translations: dict[str, str], empty: frozenset[str], others: str
) -> str:
    if (translation := translations.get(text)) is not None:
        return translation
    if text in empty or not text:
        return ""
    if others != "reject":
        return text if others == "keep" else others
    known = ", ".join(quoted(key) for key in list(translations)[:10])
    raise _invalid(name, f"column {quoted(column)} is {quoted(text)}; add it to values, which has {known}")


def _template_reader(name: str, field: FieldMap, indexes: dict[str, int], empty: frozenset[str]) -> ReadText:
    """Return the function that fills a template; it returns "" if all columns are empty.

    The function raises FieldError if a column is empty that is not optional, because ids of different rows could
    become equal.
    """
    pieces = template_pieces(field.template or "")
    columns = [(column, indexes[column]) for is_column, column in pieces if is_column]
    optional = frozenset(field.optional)
    percent_format = "".join("%s" if is_column else piece.replace("%", "%%") for is_column, piece in pieces)

    def fill(cells: Cells) -> str:
        parts = tuple("" if cells[index] in empty else cells[index] for _, index in columns)
        if all(parts):
            return percent_format % parts
        if not any(parts):
            return ""
        for (column, _), part in zip(columns, parts, strict=True):
            if not part and column not in optional:
                raise _invalid(
                    name, f"column {quoted(column)} is empty, but the template needs it unless it is optional"
                )
        return percent_format % parts

    return fill


def _choice(name: str, text: str, choices: frozenset[str]) -> str | None:
    if text in choices or not text:
        return text or None
    raise _invalid(name, f"{quoted(text)} is not one of {', '.join(sorted(choices))}; translate it with values")


def _flag(name: str, text: str) -> bool | None:
    if not text:
        return None
    flag = _FLAGS.get(text.strip().lower())
    if flag is None:
        raise _invalid(name, f"{quoted(text)} is neither true nor false; translate it with values")
    return flag


def _integer(name: str, text: str) -> str | None:
    stripped = text.strip()
    if stripped and not _INTEGER.fullmatch(stripped):
        raise _invalid(name, f"{quoted(text)} is not an integer of at most 18 digits")
    return stripped or None


def _duration_reader(name: str, field: FieldMap, read_text: ReadText, map_: Map) -> ReadField:
    """Return the function that reads exact seconds as JSON; they are rounded when the event is read."""
    unit, decimal = field.unit or "seconds", map_.file.decimal

    def read(cells: Cells) -> msgspec.Raw | None:
        return _seconds_as_json(_seconds(name, read_text(cells), unit, decimal))

    return read


def _span_reader(name: str, field: FieldMap, indexes: dict[str, int], map_: Map) -> ReadField:
    """Return the function that reads a duration from two instants, or else from the fallback column."""
    begin, end = (
        _instant_cell_reader(f"{name}, column {quoted(column)}", field, indexes[column], map_)
        for column in (field.from_ or "", field.to or "")
    )
    fallback = None if field.fallback is None else indexes[field.fallback]
    empty = frozenset(field.empty)
    unit, decimal = field.unit or "seconds", map_.file.decimal

    def read(cells: Cells) -> msgspec.Raw | None:
        began, ended = begin(cells), end(cells)
        if began is not None and ended is not None:
            if ended < began:
                raise _invalid(name, f"{format_instant(ended)} (to) is before {format_instant(began)} (from)")
            return _seconds_as_json(Decimal(ended - began) / 1_000_000)
        if fallback is None or cells[fallback] in empty:
            return None
        return _seconds_as_json(
            _seconds(f"{name}, column {quoted(field.fallback or '')}", cells[fallback], unit, decimal)
        )

    return read


def _seconds_as_json(seconds: Decimal | None) -> msgspec.Raw | None:
    return None if seconds is None else msgspec.Raw(format(seconds, "f").encode())


def _seconds(name: str, text: str, unit: Unit, decimal: DecimalSign | None) -> Decimal | None:
    try:
        return seconds_of_cell(text, unit, decimal)
    except ValueError as error:
        raise _invalid(name, str(error)) from None


def _instant_cell_reader(name: str, field: FieldMap, index: int, map_: Map) -> Callable[[Cells], int | None]:
    """Return the function that reads an instant in microseconds from one column, None if the cell is empty."""
    zone, empty = _zone(map_), frozenset(field.empty)
    return lambda cells: None if cells[index] in empty else _instant(name, cells[index], field.format, zone)


def _zone(map_: Map) -> ZoneInfo | None:
    return ZoneInfo(map_.file.zone) if map_.file.zone is not None else None


def _instant(name: str, text: str, format_: str | None, zone: ZoneInfo | None) -> int | None:
    """Return an instant in microseconds since 1970, None for an empty text."""
    if not text.strip():
        return None
    try:
        instant = instant_of_cell(text, format_, zone)
    except ValueError as error:
        raise _invalid(name, str(error)) from None
    if not within_range(instant):
        raise _out_of_range(name, text)
    return instant


def _out_of_range(name: str, text: str) -> FieldError:
    detail = f"{name} must be between 1970-01-01 and 2099-12-31, not {quoted(text)}."
    return FieldError(Reason.OUT_OF_RANGE, detail)


def _instant_reader(name: str, field: FieldMap, read_text: ReadText, map_: Map) -> ReadField:
    indexes = {column: index for index, column in enumerate(map_.columns)}
    zone, decimal = _zone(map_), map_.file.decimal
    plus = [(f"{name}, column {quoted(column)} of plus", indexes[column]) for column in field.plus]
    plus_unit = field.plus_unit or "seconds"
    empty = frozenset(field.empty)

    def read(cells: Cells) -> str | None:
        text = read_text(cells)
        instant = _instant(name, text, field.format, zone)
        if instant is None:
            return None
        for column, index in plus:
            seconds = None if cells[index] in empty else _seconds(column, cells[index], plus_unit, decimal)
            if seconds is not None:
                instant += int((seconds * 1_000_000).to_integral_value(ROUND_FLOOR))
        if not within_range(instant):
            raise _out_of_range(name, text)
        return format_instant(instant)

    return read


def _invalid(name: str, problem: str) -> FieldError:
    return FieldError(Reason.INVALID_DATA, f"{name}: {problem}.")
