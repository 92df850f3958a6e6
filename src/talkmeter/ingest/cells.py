"""Single cells of tables: texts of any spelling into what events hold, or a sentence that says why not."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from decimal import ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from talkmeter.errors import shown
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.mapping import UNIX_FORMATS, Constant, FieldMap, Map, Unit, content_of, template_pieces, words_of
from talkmeter.ledger.batch import Reason
from talkmeter.period import format_instant, microseconds, read_instant

Cells = Sequence[str]
"""The cells of one row that a map reads, in the order of `Map.columns`; an empty text where there is nothing."""

Text = Callable[[Cells], str]
Value = str | bool | msgspec.Raw | None
Fill = Callable[[Cells], Value]
"""Reads the value of one field from a row; FieldError where it cannot be read."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
_CLOCK: Final = re.compile(r"([0-9]{1,5}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,18})?)")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_EXACT: Final = Context(prec=120)
"""Digits enough that nothing of a cell is rounded before the event is read."""

_PER_SECOND: Final = {"seconds": Decimal(1), "milliseconds": Decimal("0.001"), "minutes": Decimal(60)}
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def fill_of(map_: Map, name: str) -> Fill:
    """How the field of a name is read."""
    field = map_.fields[name]
    text = _text_of(name, field, {column: place for place, column in enumerate(map_.columns)})
    match content_of(name):
        case "instant":
            return _instant_of(name, field, text, map_)
        case "duration":
            unit = field.unit or "seconds"
            return lambda cells: _duration(name, text(cells), unit)
        case "flag":
            return lambda cells: _flag(name, text(cells))
        case "integer":
            return lambda cells: _integer(name, text(cells))
        case "word":
            words = frozenset(words_of(map_.type, name))
            return lambda cells: _word(name, text(cells), words)
        case "text":
            return text


def constant_text(constant: Constant) -> str:
    """A constant of a map, as a cell would have it."""
    return str(constant).lower() if isinstance(constant, bool) else str(constant)


def _text_of(name: str, field: FieldMap, places: dict[str, int]) -> Text:
    """How the text of a field is made from a row; "" where there is nothing."""
    if field.value is not None:
        constant = constant_text(field.value)
        return lambda _: constant
    nothing = frozenset(field.empty)
    if field.template is not None:
        return _filled(name, field.template, places, nothing)
    column = field.column or ""
    place = places[column]
    if field.values is not None:
        translated = {text: constant_text(ours) for text, ours in field.values.items()}
        keep = field.others == "keep"
        return lambda cells: _translate(name, column, cells[place], translated, nothing, keep=keep)
    if nothing:
        return lambda cells: "" if cells[place] in nothing else cells[place]
    return lambda cells: cells[place]


def _translate(
    name: str, column: str, text: str, translated: dict[str, str], nothing: frozenset[str], *, keep: bool
) -> str:
    if (ours := translated.get(text)) is not None:
        return ours
    if text in nothing or not text or keep:
        return "" if text in nothing else text
    known = ", ".join(shown(one) for one in list(translated)[:10])
    raise _wrong(name, f"column {shown(column)} is {shown(text)}, which values does not translate; it knows {known}")


def _filled(name: str, template: str, places: dict[str, int], nothing: frozenset[str]) -> Text:
    """The text of a template; "" where all its columns are empty, refused where some are: ids would run together."""
    pieces = template_pieces(template)
    columns = [(column, places[column]) for is_column, column in pieces if is_column]
    form = "".join("%s" if is_column else piece.replace("%", "%%") for is_column, piece in pieces)

    def fill(cells: Cells) -> str:
        parts = tuple(cells[place] for _, place in columns)
        empty = [column for (column, _), part in zip(columns, parts, strict=True) if not part or part in nothing]
        if not empty:
            return form % parts
        if len(empty) == len(parts):
            return ""
        raise _wrong(name, f"column {shown(empty[0])} is empty, and the template needs it")

    return fill


def _word(name: str, text: str, words: frozenset[str]) -> str | None:
    if text in words or not text:
        return text or None
    raise _wrong(name, f"{shown(text)} is none of {', '.join(sorted(words))}; values can translate it")


def _flag(name: str, text: str) -> bool | None:
    if not text:
        return None
    flag = _FLAGS.get(text.strip().lower())
    if flag is None:
        raise _wrong(name, f"{shown(text)} is neither true nor false; values can translate it")
    return flag


def _integer(name: str, text: str) -> str | None:
    stripped = text.strip()
    if stripped and not _INTEGER.fullmatch(stripped):
        raise _wrong(name, f"{shown(text)} is not an integer of at most 18 digits")
    return stripped or None


def _duration(name: str, text: str, unit: Unit) -> msgspec.Raw | None:
    """A duration in seconds, exact, as JSON; the event's reader rounds it to milliseconds."""
    seconds = _seconds(name, text, unit)
    return None if seconds is None else msgspec.Raw(format(seconds, "f").encode())


def _seconds(name: str, text: str, unit: Unit) -> Decimal | None:
    stripped = text.strip()
    if not stripped:
        return None
    if unit == "h:mm:ss":
        clock = _CLOCK.fullmatch(stripped)
        if clock is None:
            raise _wrong(name, f"{shown(text)} is no duration written h:mm:ss")
        return Decimal(int(clock[1]) * 3_600 + int(clock[2]) * 60) + Decimal(clock[3])
    if not _NUMBER.fullmatch(stripped):
        raise _wrong(name, f"{shown(text)} is no number of {unit}")
    return _EXACT.multiply(Decimal(stripped), _PER_SECOND[unit])


def _instant_of(name: str, field: FieldMap, text: Text, map_: Map) -> Fill:
    places = {column: place for place, column in enumerate(map_.columns)}
    zone = ZoneInfo(map_.form.zone) if map_.form.zone is not None else None
    plus = [(f"{name}, column {shown(column)} of plus", places[column]) for column in field.plus]
    plus_unit = field.plus_unit or "seconds"
    nothing = frozenset(field.empty)

    def fill(cells: Cells) -> str | None:
        written = text(cells)
        if not written:
            return None
        try:
            instant = _microseconds(written, field.format, zone)
        except ValueError as error:
            raise _wrong(name, str(error)) from None
        for column, place in plus:
            seconds = None if cells[place] in nothing else _seconds(column, cells[place], plus_unit)
            if seconds is not None:
                instant += int((seconds * 1_000_000).to_integral_value(ROUND_FLOOR))
        try:
            return format_instant(instant)
        except OverflowError:
            detail = f"{name} must be between 1970-01-01 and 2099-12-31, not {shown(written)}."
            raise FieldError(Reason.OUT_OF_RANGE, detail) from None

    return fill


@lru_cache(maxsize=256)
def _microseconds(text: str, format_: str | None, zone: tzinfo | None) -> int:
    """An instant in any of the spellings, in microseconds since 1970; finer digits are cut. ValueError says why not.

    Time and created_at of a row are often the same text.
    """
    match format_:
        case None:
            return _of_iso(text, zone)
        case "unix seconds" | "unix milliseconds" | "unix microseconds":
            return _of_unix(text, format_)
        case _:
            return _of_format(text, format_, zone)


def _of_iso(text: str, zone: tzinfo | None) -> int:
    try:
        return read_instant(text)
    except (ValueError, OverflowError):
        pass
    if _is_bare_date(text):
        raise ValueError(f"{shown(text)} is a date without a time")
    try:
        local = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is no ISO 8601 date and time; format can say how it is written") from None
    if local.tzinfo is None and zone is None:
        raise ValueError(f"{shown(text)} has no offset, and file.zone does not say which time zone it is")
    return _with_zone(local, zone)


def _of_unix(text: str, format_: str) -> int:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{shown(text)} is no number of {format_}")
    exact = _EXACT.multiply(Decimal(text.strip()), Decimal(UNIX_FORMATS[format_]))
    return int(exact.to_integral_value(ROUND_FLOOR))


def _of_format(text: str, format_: str, zone: tzinfo | None) -> int:
    try:
        instant = datetime.strptime(text.strip(), format_)  # noqa: DTZ007  the next line gives it its zone
        return _with_zone(instant, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is not written as {shown(format_)}") from None


def _with_zone(instant: datetime, zone: tzinfo | None) -> int:
    """A local time in its zone; of an hour that comes twice the first, and one that is skipped as before the change."""
    return microseconds(instant if instant.tzinfo is not None else instant.replace(tzinfo=zone))


def _is_bare_date(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _wrong(name: str, what: str) -> FieldError:
    return FieldError(Reason.INVALID_DATA, f"{name}: {what}.")
