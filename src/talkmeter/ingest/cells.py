"""Read single cells of tables: convert texts of many formats to values of event fields, or raise FieldError."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from decimal import ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from talkmeter.errors import quoted
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.mapping import (
    UNIX_FORMATS,
    Constant,
    FieldMap,
    Map,
    Unit,
    choices_of,
    content_of_field,
    template_pieces,
)
from talkmeter.ledger.batch import Reason
from talkmeter.period import format_instant, microseconds, read_instant

Cells = Sequence[str]
"""The cells of one row that a map reads, in the order of `Map.columns`; "" if a cell is empty."""

ReadText = Callable[[Cells], str]
Value = str | bool | msgspec.Raw | None
ReadField = Callable[[Cells], Value]
"""Returns the value of one field from a row. Raises FieldError if it is invalid."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
_CLOCK: Final = re.compile(r"([0-9]{1,5}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,18})?)")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_EXACT: Final = Context(prec=120)
"""Enough digits for any cell, so nothing is rounded before the event is read."""

_SECONDS_PER_UNIT: Final = {"seconds": Decimal(1), "milliseconds": Decimal("0.001"), "minutes": Decimal(60)}
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def field_reader(map_: Map, name: str) -> ReadField:
    """Return the function that reads the field from a row."""
    field = map_.fields[name]
    text = _text_reader(name, field, {column: index for index, column in enumerate(map_.columns)})
    match content_of_field(name):
        case "instant":
            return _instant_reader(name, field, text, map_)
        case "duration":
            unit = field.unit or "seconds"
            return lambda cells: _duration(name, text(cells), unit)
        case "flag":
            return lambda cells: _flag(name, text(cells))
        case "integer":
            return lambda cells: _integer(name, text(cells))
        case "choice":
            choices = frozenset(choices_of(map_.type, name))
            return lambda cells: _choice(name, text(cells), choices)
        case "text":
            return text


def constant_text(constant: Constant) -> str:
    """Return a constant of a map as the text of a cell."""
    return str(constant).lower() if isinstance(constant, bool) else str(constant)


def _text_reader(name: str, field: FieldMap, indexes: dict[str, int]) -> ReadText:
    """Return the function that reads a field's text from a row; it returns "" if the field is empty."""
    if field.value is not None:
        constant = constant_text(field.value)
        return lambda _: constant
    empty = frozenset(field.empty)
    if field.template is not None:
        return _template_reader(name, field.template, indexes, empty)
    column = field.column or ""
    index = indexes[column]
    if field.values is not None:
        translations = {text: constant_text(constant) for text, constant in field.values.items()}
        keep = field.others == "keep"
        return lambda cells: _translate(name, column, cells[index], translations, empty, keep=keep)
    if empty:
        return lambda cells: "" if cells[index] in empty else cells[index]
    return lambda cells: cells[index]


def _translate(
    name: str, column: str, text: str, translations: dict[str, str], empty: frozenset[str], *, keep: bool
) -> str:
    if (translation := translations.get(text)) is not None:
        return translation
    if text in empty or not text or keep:
        return "" if text in empty else text
    known = ", ".join(quoted(key) for key in list(translations)[:10])
    raise _invalid(name, f"column {quoted(column)} is {quoted(text)}; add it to values, which has {known}")


def _template_reader(name: str, template: str, indexes: dict[str, int], empty: frozenset[str]) -> ReadText:
    """Return the function that fills a template; it returns "" if all columns are empty.

    The function raises FieldError if only some columns are empty, because ids of different rows could become equal.
    """
    pieces = template_pieces(template)
    columns = [(column, indexes[column]) for is_column, column in pieces if is_column]
    percent_format = "".join("%s" if is_column else piece.replace("%", "%%") for is_column, piece in pieces)

    def fill(cells: Cells) -> str:
        parts = tuple(cells[index] for _, index in columns)
        missing = [column for (column, _), part in zip(columns, parts, strict=True) if not part or part in empty]
        if not missing:
            return percent_format % parts
        if len(missing) == len(parts):
            return ""
        raise _invalid(name, f"column {quoted(missing[0])} is empty, but the template needs it")

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


def _duration(name: str, text: str, unit: Unit) -> msgspec.Raw | None:
    """Return the exact seconds as JSON; they are rounded to milliseconds when the event is read."""
    seconds = _seconds(name, text, unit)
    return None if seconds is None else msgspec.Raw(format(seconds, "f").encode())


def _seconds(name: str, text: str, unit: Unit) -> Decimal | None:
    stripped = text.strip()
    if not stripped:
        return None
    if unit == "h:mm:ss":
        clock = _CLOCK.fullmatch(stripped)
        if clock is None:
            raise _invalid(name, f"{quoted(text)} is not a duration such as 0:01:30 (h:mm:ss)")
        return Decimal(int(clock[1]) * 3_600 + int(clock[2]) * 60) + Decimal(clock[3])
    if not _NUMBER.fullmatch(stripped):
        raise _invalid(name, f"{quoted(text)} is not a number of {unit}")
    return _EXACT.multiply(Decimal(stripped), _SECONDS_PER_UNIT[unit])


def _instant_reader(name: str, field: FieldMap, read_text: ReadText, map_: Map) -> ReadField:
    indexes = {column: index for index, column in enumerate(map_.columns)}
    zone = ZoneInfo(map_.file.zone) if map_.file.zone is not None else None
    plus = [(f"{name}, column {quoted(column)} of plus", indexes[column]) for column in field.plus]
    plus_unit = field.plus_unit or "seconds"
    empty = frozenset(field.empty)

    def read(cells: Cells) -> str | None:
        text = read_text(cells)
        if not text:
            return None
        try:
            instant = _microseconds(text, field.format, zone)
        except ValueError as error:
            raise _invalid(name, str(error)) from None
        for column, index in plus:
            seconds = None if cells[index] in empty else _seconds(column, cells[index], plus_unit)
            if seconds is not None:
                instant += int((seconds * 1_000_000).to_integral_value(ROUND_FLOOR))
        try:
            return format_instant(instant)
        except OverflowError:
            detail = f"{name} must be between 1970-01-01 and 2099-12-31, not {quoted(text)}."
            raise FieldError(Reason.OUT_OF_RANGE, detail) from None

    return read


@lru_cache(maxsize=256)
def _microseconds(text: str, format_: str | None, zone: tzinfo | None) -> int:
    """Return an instant in microseconds since 1970; finer digits are cut. Raises ValueError if the text is invalid.

    Cached, because `time` and `created_at` of a row often have the same text.
    """
    match format_:
        case None:
            return _parse_iso(text, zone)
        case "unix seconds" | "unix milliseconds" | "unix microseconds":
            return _parse_unix(text, format_)
        case _:
            return _parse_format(text, format_, zone)


def _parse_iso(text: str, zone: tzinfo | None) -> int:
    try:
        return read_instant(text)
    except (ValueError, OverflowError):
        pass
    if _is_bare_date(text):
        raise ValueError(f"{quoted(text)} is a date without a time")
    try:
        local = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(text)} is not an ISO 8601 date and time; set format to its format") from None
    if local.tzinfo is None and zone is None:
        raise ValueError(f"{quoted(text)} has no offset; set file.zone to its time zone")
    return _with_zone(local, zone)


def _parse_unix(text: str, format_: str) -> int:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{quoted(text)} is not a number of {format_}")
    exact = _EXACT.multiply(Decimal(text.strip()), Decimal(UNIX_FORMATS[format_]))
    return int(exact.to_integral_value(ROUND_FLOOR))


def _parse_format(text: str, format_: str, zone: tzinfo | None) -> int:
    try:
        instant = datetime.strptime(text.strip(), format_)  # noqa: DTZ007  the next line sets its zone
        return _with_zone(instant, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(text)} does not have the format {quoted(format_)}") from None


def _with_zone(instant: datetime, zone: tzinfo | None) -> int:
    """Return an instant in microseconds; `zone` applies if it has no offset.

    When clocks change, an ambiguous time is the first of the two; a skipped one has the offset before the change.
    """
    return microseconds(instant if instant.tzinfo is not None else instant.replace(tzinfo=zone))


def _is_bare_date(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _invalid(name: str, problem: str) -> FieldError:
    return FieldError(Reason.INVALID_DATA, f"{name}: {problem}.")
