"""Suggest a map for a file. What the file does not say is CHECK, which no map may contain, with a comment."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from talkmeter.ingest.instants import instant_of_cell
from talkmeter.ingest.suggest.guess import (
    CHECK,
    Durations,
    Instants,
    durations_of,
    instants_of,
    is_date,
    is_time,
)
from talkmeter.ingest.suggest.sample import Sample, read_sample
from talkmeter.ingest.suggest.words import DIRECTION_WORDS, ROLES, STATUS_WORDS, UNCLEAR_NAMES, Role, plain

_CHECK: Final = "# check: "
_BRACKETS: Final = re.compile(r"\(.*?\)|\[.*?\]")
_MAX_WORDS: Final = 30
_UTC: Final = ZoneInfo("UTC")


class Suggestion(NamedTuple):
    """A map as TOML, and the number of its lines that a person has to check."""

    text: str
    checks: int


class _Times(NamedTuple):
    """A column, or a template of a date and a time column, with instants."""

    source: str
    columns: tuple[str, ...]
    instants: Instants
    unsure: str = ""


def suggest_map(path: Path) -> Suggestion:
    """Return a first map of calls for a file. Raises OperationFailed if it has no table."""
    sample = read_sample(path)
    lines = list(_Suggester(path, sample).lines())
    return Suggestion("\n".join(lines) + "\n", sum(_CHECK in line for line in lines))


class _Suggester:
    """Chooses the columns of a sample."""

    def __init__(self, path: Path, sample: Sample) -> None:
        self._path, self._sample = path, sample
        # A unit in brackets is not a part of a name.
        without_brackets = {plain(_BRACKETS.sub("", column)): column for column in reversed(sample.columns)}
        self._by_plain = without_brackets | {plain(column): column for column in reversed(sample.columns)}
        self._used: set[str] = set()
        self._decimal: str | None = None

    def lines(self) -> Iterator[str]:
        """Yield the lines of the map."""
        start = self._times("start") or self._any_times()
        end, answered = self._times("end"), self._times("answered")
        body = [*self._event(start, end), "", *self._data(start, answered, end)]
        yield f"# A first map of {_toml(self._path.name)}, from its columns and first {len(self._sample.rows)} rows."
        yield "# Lines with 'check:' are not certain. Replace each CHECK, then preview with talkmeter ingest --dry-run."
        yield ""
        yield from self._file([times for times in (start, end, answered) if times is not None])
        yield ""
        yield from body
        yield ""
        unread = [column for column in self._sample.columns if column not in self._used]
        yield f"# Not read: {', '.join(map(_toml, unread))}" if unread else "# All columns are read."

    def _file(self, times: list[_Times]) -> Iterator[str]:
        sample = self._sample
        yield "[file]"
        yield f"format = {_toml(sample.format)}"
        for reason in sample.unsure:
            yield f"encoding = {_toml(sample.encoding)}  # check: {reason}"
        if sample.format == "csv":
            if not sample.unsure and sample.encoding != "utf-8":
                yield f"encoding = {_toml(sample.encoding)}"
            yield f"delimiter = {_toml(sample.delimiter)}"
        if sample.named_by_us:
            yield f"columns = {_list(sample.columns)}  # check: there is no header; are these its columns?"
        if times and not all(one.instants.has_zone for one in times):
            in_name = any("utc" in plain(column) or "gmt" in plain(column) for one in times for column in one.columns)
            if in_name:
                yield 'zone = "UTC"'
            else:
                yield f'zone = "{CHECK}"  # check: the times have no zone; write theirs, such as Europe/Berlin'
        if self._decimal == CHECK:
            yield f'decimal = "{CHECK}"  # check: the numbers have only commas; write "," or "." for the decimal sign'
        elif self._decimal is not None:
            yield f"decimal = {_toml(self._decimal)}"

    def _event(self, start: _Times | None, end: _Times | None) -> Iterator[str]:
        yield "[event]"
        yield 'type = "conversation.updated"'
        yield f"source = {_toml('/' + (plain(self._path.name.partition('.')[0]) or 'import'))}"
        if end is not None and start is not None and end.instants.format == start.instants.format:
            fallback = f", fallback = {_toml(start.columns[0])}" if len(start.columns) == 1 else ""
            yield _times_line("time", end, fallback if self._has_empty(end) else "")
        elif end is not None:
            yield _times_line("time", end)
        elif start is not None:
            yield _times_line("time", start)
        else:
            yield f'time = "{CHECK}"  # check: the column with the time at which a row became true'

    def _data(self, start: _Times | None, answered: _Times | None, end: _Times | None) -> Iterator[str]:
        yield "[data]"
        yield self._id()
        yield 'channel = { value = "telephone" }  # check: telephone, webrtc, text or email'
        yield self._words("direction", DIRECTION_WORDS, "inbound, outbound")
        yield self._words("status", STATUS_WORDS, "completed, unanswered, failed, cancelled, transferred")
        yield _times_line("created_at", start) if start else f'created_at = "{CHECK}"  # check: the start of a call'
        yield self._duration(start, answered, end)
        for role in ("agent_id", "agent_number"):
            if column := self._column(role):
                unclear = "" if plain(column) not in UNCLEAR_NAMES and role == "agent_id" else "  # check: no caller's"
                yield f"{role} = {_toml(column)}" + (unclear and f"{unclear} name or number may be in it")

    def _column(self, role: Role) -> str | None:
        """Return the first column whose name says that it has this role, and mark it as used."""
        for name in ROLES[role]:
            column = self._by_plain.get(name) or self._last_part(name)
            if column is not None and column not in self._used:
                self._used.add(column)
                return column
        return None

    def _last_part(self, name: str) -> str | None:
        """Return the JSON column whose last key has this name."""
        if self._sample.format != "jsonl":
            return None
        return next((one for one in self._sample.columns if plain(one.rpartition(".")[2]) == name and "." in one), None)

    def _times(self, role: Role) -> _Times | None:
        """Return the column for instants with this role, or a date column and a time column."""
        passed: set[str] = set()
        try:
            while column := self._column(role):
                cells = self._sample.cells(column)
                if instants := instants_of(cells):
                    return _Times(column, (column,), instants)
                if role == "start" and cells and is_date(cells) and (split := self._split(column)):
                    return split
                passed.add(column)
        finally:
            self._used -= passed
        return None

    def _split(self, date: str) -> _Times | None:
        """Return the template of a column with days and one with times of the day."""
        dates = self._sample.columns.index(date)
        for time in self._sample.columns:
            cells = self._sample.cells(time)
            if time == date or not cells or not is_time(cells) or plain(time) not in ROLES["start"]:
                continue
            times = self._sample.columns.index(time)
            texts = [
                f"{row[dates].strip()} {row[times].strip()}" for row in self._sample.rows if row[dates] and row[times]
            ]
            if instants := instants_of(texts):
                self._used.add(time)
                return _Times("{" + date + "} {" + time + "}", (date, time), instants)
        return None

    def _any_times(self) -> _Times | None:
        """Return the first column with instants, of any name."""
        for column in self._sample.columns:
            cells = self._sample.cells(column)
            instants = instants_of(cells) if column not in self._used else None
            if instants is not None and not (instants.format or "").startswith("unix"):
                self._used.add(column)
                return _Times(column, (column,), instants, "the first column with times; is it the start of a call?")
        return None

    def _has_empty(self, times: _Times) -> bool:
        return any(len(self._sample.cells(column)) < len(self._sample.rows) for column in times.columns)

    def _id(self) -> str:
        column = self._column("id")
        if column is None:
            example = '{ template = "{a}-{b}" }'
            return f'id = "{CHECK}"  # check: no column is named like an id; columns can be combined, such as {example}'
        cells = self._sample.cells(column)
        reasons = []
        if len(cells) < len(self._sample.rows):
            reasons.append(f"{len(self._sample.rows) - len(cells)} of the first rows have none")
        if repeated := sum(1 for count in Counter(cells).values() if count > 1):
            ids = "1 id is" if repeated == 1 else f"{repeated} ids are"
            reasons.append(f"{ids} repeated; add columns in a template, or set merge if the rows are legs of a call")
        if plain(column) in UNCLEAR_NAMES and not reasons:
            reasons.append("is it the id of the call?")
        return f"id = {_toml(column)}" + (f"  # check: {' and '.join(reasons)}" if reasons else "")

    def _words(self, role: Role, known: dict[str, str], allowed: str) -> str:
        """Return the line of a field with a closed set of words."""
        column = self._column(role)
        if column is None:
            return f'{role} = {{ value = "{CHECK}" }}  # check: no column has it; one of {allowed}'
        words = dict(Counter(self._sample.cells(column)).most_common())
        if not words or len(words) > _MAX_WORDS:
            unknown = f'{{ "{CHECK}" = "{CHECK}" }}'
            return f"{role} = {{ column = {_toml(column)}, values = {unknown} }}  # check: its words, as {allowed}"
        values = {word: known.get(plain(word), CHECK) for word in words}
        line = f"{role} = {{ column = {_toml(column)}, values = {{ "
        line += ", ".join(f"{_toml(word)} = {_toml(value)}" for word, value in values.items()) + " } }"
        notes = []
        if CHECK in values.values():
            notes.append(f"one of {allowed}")
        if len(self._sample.cells(column)) < len(self._sample.rows):
            notes.append("it is empty in some rows; add fallback or skip them")
        return line + (f"  # check: {'; '.join(notes)}" if notes else "")

    def _duration(self, start: _Times | None, answered: _Times | None, end: _Times | None) -> str:
        passed: set[str] = set()
        try:
            while column := self._column("duration"):
                found = durations_of(column, self._sample.cells(column), list(self._spans(column, start, end)))
                if found is not None:
                    self._decimal = found.decimal
                    return _duration_line(column, found)
                passed.add(column)
        finally:
            self._used -= passed
        if end is not None and answered is not None and answered.instants.format == end.instants.format:
            format_ = f", format = {_toml(end.instants.format)}" if end.instants.format else ""
            return f"duration = {{ from = {_toml(answered.source)}, to = {_toml(end.source)}{format_} }}"
        return "# check: no column has a duration that can be read; without one, calls have no minutes"

    def _spans(self, column: str, start: _Times | None, end: _Times | None) -> Iterator[tuple[str, float]]:
        """Yield the cells of a column with the seconds between the start and the end of their rows."""
        if start is None or end is None or CHECK in (start.instants.format, end.instants.format):
            return
        if len(start.columns) > 1:
            return
        names = (column, start.source, end.source)
        for row in self._sample.rows:
            cell, began, ended = (row[self._sample.columns.index(name)].strip() for name in names)
            if cell and began and ended:
                first = instant_of_cell(began, start.instants.format, _UTC)
                yield cell, (instant_of_cell(ended, end.instants.format, _UTC) - first) / 1_000_000


def _times_line(name: str, times: _Times, more: str = "") -> str:
    form = times.instants.format
    notes = [times.unsure] if times.unsure else []
    if times.instants.candidates:
        notes.append(f"the first rows fit {' and '.join(times.instants.candidates)}")
    key = "template" if len(times.columns) > 1 else "column"
    if form is None and not more and key == "column":
        line = f"{name} = {_toml(times.source)}"
    else:
        format_ = f", format = {_toml(form)}" if form else ""
        line = f"{name} = {{ {key} = {_toml(times.source)}{format_}{more} }}"
    return line + (f"  # check: {'; '.join(notes)}" if notes else "")


def _duration_line(column: str, found: Durations) -> str:
    note = f"  # check: {found.why}" if found.why else ""
    if found.unit == "seconds" and not note:
        return f"duration = {_toml(column)}"
    return f"duration = {{ column = {_toml(column)}, unit = {_toml(found.unit)} }}{note}"


def _toml(text: str) -> str:
    """Return a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(_toml, texts)) + "]"
