"""Find out what the cells of a column are: instants in a format, durations in a unit, ids, words."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from talkmeter.ingest.durations import UNIT_OF_WORD, seconds_of_cell
from talkmeter.ingest.instants import has_zone, instant_of_cell, normalized_format
from talkmeter.ingest.maps import DecimalSign, Unit
from talkmeter.ingest.suggest.words import plain

CHECK: Final = "CHECK"
"""Stands for what a person has to decide; a map that contains it is not accepted."""

_UTC: Final = ZoneInfo("UTC")
_DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%Y%m%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a %m/%d/%Y", "%a, %d %b %Y"),
    *("%d-%b-%Y", "%a %d %b %Y", "%a %b %d %Y", "%Y年%m月%d日"),
)
_TIMES: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%I:%M%p", "%H:%M Uhr")
_ZONES: Final = ("", " %z", " %Z", "%z")
_FORMATS: Final = tuple(
    f"{date}{between}{time}{zone}" for date, between, time, zone in product(_DATES, (" ", ", ", "T"), _TIMES, _ZONES)
)
_OTHERS: Final = ("%H:%M:%S %Z %Y-%m-%d", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y")
_UNIX: Final = {10: "unix seconds", 13: "unix milliseconds", 16: "unix microseconds"}
_UNIX_NUMBER: Final = re.compile(r"[12][0-9]{9}(?:[0-9]{3}|[0-9]{6})?(?:\.[0-9]+)?")
_CLOCK: Final = re.compile(r"[0-9]{1,4}:[0-5]?[0-9](?::[0-5]?[0-9](?:[.,][0-9]+)?)?")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBERS: Final[tuple[Unit, ...]] = ("seconds", "milliseconds", "minutes", "hours")
_ENDINGS: Final[dict[str, Unit]] = {
    **dict.fromkeys(("milliseconds", "ms"), "milliseconds"),
    **dict.fromkeys(("seconds", "secs", "sec"), "seconds"),
    **dict.fromkeys(("minutes", "mins", "min"), "minutes"),
    "hours": "hours",
}
_SIGNS: Final = "./-,年T"
_MIN_DIGITS: Final = 5
_UNITS_IN_NAMES: Final = re.compile(r"[^\W\d_]+")


class Instants(NamedTuple):
    """How the instants of a column are written: None is ISO 8601, CHECK is unclear; and whether they name a zone."""

    format: str | None
    has_zone: bool
    candidates: tuple[str, ...] = ()


def instants_of(cells: list[str]) -> Instants | None:
    """Return how a column writes instants; None if its cells are something else."""
    if not cells:
        return None
    if all(_UNIX_NUMBER.fullmatch(cell) for cell in cells):
        lengths = {len(cell.partition(".")[0]) for cell in cells}
        return Instants(_UNIX[lengths.pop()], has_zone=True) if len(lengths) == 1 else None
    if _fits(cells, None):
        return Instants(None, has_zone=all(_parses(cell, None, None) for cell in cells))
    found = [format_ for format_ in _likely_formats(cells[0]) if _fits(cells, format_)]
    if not found:
        return None
    zoned = has_zone(normalized_format(found[0]))
    # Formats that read all cells alike are the same; the first one is the usual spelling.
    readings = {tuple(instant_of_cell(cell, format_, _UTC) for cell in cells): format_ for format_ in reversed(found)}
    if len(readings) > 1:
        return Instants(CHECK, zoned, tuple(sorted(readings.values())))
    return Instants(found[0], zoned)


def _likely_formats(cell: str) -> Iterator[str]:
    """Yield the formats whose signs are all in a cell; trying every format would take seconds."""
    if sum(char.isdigit() for char in cell) >= _MIN_DIGITS and ":" in cell:
        for format_ in (*_FORMATS, *_OTHERS):
            if all(sign in cell for sign in _SIGNS if sign in format_):
                yield format_


def is_date(cells: list[str]) -> bool:
    """Return whether cells are days without a time."""
    return any(all(_parses(f"{cell} 12:00", f"{format_} %H:%M") for cell in cells) for format_ in _DATES)


def is_time(cells: list[str]) -> bool:
    """Return whether cells are times of a day."""
    return any(all(_parses(f"2026-01-01 {cell}", f"%Y-%m-%d {format_}") for cell in cells) for format_ in _TIMES)


def _fits(cells: list[str], format_: str | None) -> bool:
    return all(_parses(cell, format_) for cell in cells)


def _parses(cell: str, format_: str | None, zone: ZoneInfo | None = _UTC) -> bool:
    try:
        instant_of_cell(cell, format_, zone)
    except (ValueError, OverflowError, TypeError):
        return False
    return True


class Durations(NamedTuple):
    """How durations are written; the unit and the decimal sign may be CHECK. `why` says why the unit is unsure."""

    unit: str
    decimal: str | None = None
    why: str = ""


def durations_of(name: str, cells: list[str], spans_sec: list[tuple[str, float]]) -> Durations | None:
    """Return how a column writes durations; None if its cells are something else.

    `spans_sec` has cells and the seconds between the start and the end of their rows, which may confirm a unit.
    """
    if not cells:
        return Durations(CHECK, None, "the column is empty in the first rows")
    if all(_CLOCK.fullmatch(cell) for cell in cells):
        has_hours = all(cell.count(":") == 2 for cell in cells)
        return Durations("h:mm:ss") if has_hours else Durations("mm:ss", None, "1:30 is read as 1 minute 30 seconds")
    decimal = _decimal_of(cells)
    sign: DecimalSign | None = "," if decimal == "," else "." if decimal == "." else None
    if decimal != CHECK and not all(_reads(cell, sign) for cell in cells):
        return None
    if decimal is None and not any(_NUMBER.fullmatch(cell) for cell in cells):
        return Durations("seconds")
    unit, why = _unit_of_numbers(name, [] if decimal == CHECK else spans_sec, sign)
    return Durations(unit, decimal, why)


def _unit_of_numbers(name: str, spans_sec: list[tuple[str, float]], decimal: DecimalSign | None) -> tuple[str, str]:
    """Return the unit that a column's name or the times of the rows say, and why it is unclear."""
    words = _UNITS_IN_NAMES.findall(name.lower())
    named = next((UNIT_OF_WORD[word] for word in words if word in UNIT_OF_WORD), None) or _unit_of_ending(name)
    fitting = [unit for unit in _NUMBERS if _explains(unit, decimal, spans_sec)]
    if named is not None and fitting and named not in fitting:
        return CHECK, f"its name says {named}, but the times of the rows fit {' or '.join(fitting)}"
    if named is not None or len(fitting) == 1:
        return named or fitting[0], ""
    return CHECK, "nothing in the file names the unit of the numbers"


def _unit_of_ending(name: str) -> Unit | None:
    """Return the unit at the end of a name such as billsec or durationMs."""
    return next((unit for ending, unit in _ENDINGS.items() if plain(name).endswith(ending)), None)


def _decimal_of(cells: list[str]) -> str | None:
    """Return the decimal sign of a column: None if points are the only separators, CHECK if it is unclear."""
    if not any("," in cell for cell in cells if cell[-1].isdigit()):
        return None
    both: tuple[DecimalSign, ...] = (",", ".")
    signs = [sign for sign in both if all(_reads(cell, sign) for cell in cells)]
    return signs[0] if len(signs) == 1 else CHECK if signs else None


def _reads(cell: str, decimal: DecimalSign | None) -> bool:
    try:
        seconds_of_cell(cell, "seconds", decimal)
    except ValueError:
        return False
    return True


def _explains(unit: Unit, decimal: DecimalSign | None, spans_sec: list[tuple[str, float]]) -> bool:
    """Return whether durations in this unit fit the times of their rows: never longer, sometimes about as long."""
    ratios: list[float] = []
    for cell, span in spans_sec:
        try:
            seconds = seconds_of_cell(cell, unit, decimal)
        except ValueError:
            return False
        if seconds and span > 0:
            ratios.append(float(seconds) / (span + 2))
    return bool(ratios) and max(ratios) <= 1.05 and max(ratios) > 0.3
