"""Read durations from the cells of tables: numbers in several notations, clocks, and words such as `1h 2m 3s`."""

import re
from decimal import Context, Decimal
from typing import Final

from talkmeter.errors import quoted
from talkmeter.ingest.maps import DecimalSign, Unit

CLOCK_UNITS: Final = frozenset({"h:mm:ss", "mm:ss"})

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
_CLOCK: Final = re.compile(r"(?:([0-9]{1,5}):([0-5]?[0-9])|([0-9]{1,6})):([0-5]?[0-9](?:[.,][0-9]{1,18})?)")
_SEPARATORS: Final = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}'\N{RIGHT SINGLE QUOTATION MARK}"


def _notation(decimal: str, separators: str) -> re.Pattern[str]:
    """Match a number with a decimal sign and thousands separators, which are all the same and in the first group."""
    groups = rf"[0-9]{{1,3}}(?:([{re.escape(separators)}])[0-9]{{3}})(?:\1[0-9]{{3}}){{0,5}}|[0-9]{{1,18}}"
    return re.compile(rf"-?(?:{groups})(?:[{re.escape(decimal)}][0-9]{{1,18}})?")


_NOTATIONS: Final[dict[DecimalSign, re.Pattern[str]]] = {
    ".": _notation(".", _SEPARATORS + ","),
    ",": _notation(",", _SEPARATORS + "."),
}
_ISO: Final = re.compile(
    r"PT(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,10}(?:\.[0-9]{1,18})?)S)?", re.IGNORECASE
)
_WORD: Final = re.compile(r"([0-9]{1,18}(?:[.,][0-9]{1,18})?)\s*([^\W\d_]+)\.?,?\s*")
_EXACT: Final = Context(prec=120)
"""Enough digits for any cell, so nothing is rounded before the event is read."""

_SECONDS_PER_UNIT: Final = {
    "milliseconds": Decimal("0.001"),
    "seconds": Decimal(1),
    "minutes": Decimal(60),
    "hours": Decimal(3_600),
}
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "milliseconds": ("ms", "msec", "msecs", "millisecond", "milliseconds", "millisekunden"),
    "seconds": (
        *("s", "sec", "secs", "second", "seconds", "sek", "sekunde", "sekunden", "seconde", "secondes"),
        *("seg", "segs", "segundo", "segundos", "secondo", "secondi"),
    ),
    "minutes": (*("m", "min", "mins", "minute", "minutes", "minuten", "mn", "minuto", "minutos", "minuti"),),
    "hours": (
        *(
            "h",
            "hr",
            "hrs",
            "hour",
            "hours",
            "std",
            "stunde",
            "stunden",
            "heure",
            "heures",
            "hora",
            "horas",
            "ora",
            "ore",
        ),
    ),
}
UNIT_OF_WORD: Final = {word: unit for unit, words in _WORDS.items() for word in words}
"""The unit that a word names, in several languages."""


def seconds_of_cell(text: str, unit: Unit, decimal: DecimalSign | None) -> Decimal | None:
    """Return a duration in seconds, None for an empty cell. Raises ValueError if the text is invalid.

    `decimal` is the decimal sign of a notation with thousands separators; None allows only a point and no separators.
    """
    stripped = text.strip()
    if not stripped:
        return None
    if (words := _words(stripped)) is not None:
        return words
    if unit in CLOCK_UNITS:
        clock = _CLOCK.fullmatch(stripped)
        if clock is None:
            raise ValueError(f"{quoted(text)} is not a duration such as 0:01:30 (h:mm:ss) or 1:30 (mm:ss)")
        hours, minutes, long_minutes, seconds = clock.groups()
        whole = int(long_minutes) * 60 if long_minutes else int(hours) * 3_600 + int(minutes) * 60
        return Decimal(whole) + Decimal(seconds.replace(",", "."))
    return _EXACT.multiply(number_of_cell(text, unit, decimal), _SECONDS_PER_UNIT[unit])


def number_of_cell(text: str, what: str, decimal: DecimalSign | None) -> Decimal:
    """Return a number in the map's notation. Raises ValueError, which says `what` the number is, if it is invalid."""
    plain = _plain_number(text.strip(), decimal)
    if plain is None:
        notation = f" with the decimal sign {quoted(decimal)}" if decimal else ""
        known = any(pattern.fullmatch(text.strip()) for pattern in _NOTATIONS.values())
        hint = "; set file.decimal to the decimal sign" if decimal is None and known else ""
        raise ValueError(f"{quoted(text)} is not a number of {what}{notation}{hint}")
    return Decimal(plain)


def _plain_number(text: str, decimal: DecimalSign | None) -> str | None:
    """Return a number without thousands separators and with a decimal point; None if it is invalid."""
    if decimal is None:
        return text if _NUMBER.fullmatch(text) else None
    found = _NOTATIONS[decimal].fullmatch(text)
    if found is None:
        return None
    return text.replace(found[1] or decimal, "" if found[1] else decimal).replace(decimal, ".")


def _words(text: str) -> Decimal | None:
    """Return the seconds of a text that names its units (`1h 2m 3s`, `PT1M30S`), or None if it is something else."""
    if text[-1].isdigit():
        return None
    if iso := _ISO.fullmatch(text):
        hours, minutes, seconds = (Decimal(part or 0) for part in iso.groups())
        return hours * 3_600 + minutes * 60 + seconds
    total, end = Decimal(0), 0
    while found := _WORD.match(text, end):
        unit = UNIT_OF_WORD.get(found[2].lower())
        if unit is None:
            return None
        total += _EXACT.multiply(Decimal(found[1].replace(",", ".")), _SECONDS_PER_UNIT[unit])
        end = found.end()
    return total if end == len(text) else None
