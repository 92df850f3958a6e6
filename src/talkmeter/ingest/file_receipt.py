"""The receipt of a file: its rows, the calls or runs that they are, and ids that seem to belong to several calls."""

from array import array
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.errors import quoted
from talkmeter.ingest.mapped import AcceptedRow, MappedPart
from talkmeter.ingest.maps import Map
from talkmeter.ingest.tables.read import row_word
from talkmeter.period import format_instant
from talkmeter.records import Conversation, Kind, WorkflowExecution

MAX_WARNINGS: Final = 5
MAX_NUMBERS: Final = 10
MAX_COUNTED: Final = 1_000_000
"""The ids of a file are counted up to this number, in about 150 MB of memory."""

_NOUNS: Final = {Kind.CONVERSATION: "call", Kind.WORKFLOW_EXECUTION: "run"}


class _Conflict(NamedTuple):
    """The rows with one id and different `created_at`, and the first two instants."""

    id: str
    numbers: list[int]
    first: int
    second: int


class FileReceipt:
    """Counts the rows and records of one file."""

    def __init__(self, path: Path, map_: Map) -> None:
        """Start at zero."""
        self.rows = self.rejected = self.skipped = self.accepted = self._merged = 0
        self._path, self._map = path, map_
        self._has_more = False
        self._indexes: dict[int, int] = {}
        self._created_at, self._numbers, self._counts = array("q"), array("q"), array("q")
        self._conflicts: dict[int, _Conflict] = {}
        self._conflicting_ids: set[int] = set()

    def add(self, part: MappedPart) -> None:
        """Count the rows of a part."""
        self.accepted += len(part.accepted)
        self.rejected += len(part.rejected)
        self.skipped += len(part.skipped)
        self._merged += part.merged
        self.rows += len(part.accepted) + len(part.rejected) + len(part.skipped) + part.merged
        for row in part.accepted:
            self._count(row)

    def _count(self, row: AcceptedRow) -> None:
        record = row.state.record
        created_at = record.created_at if isinstance(record, Conversation | WorkflowExecution) else 0
        key = hash((row.state.org_id, row.state.id))
        index = self._indexes.get(key)
        if index is None:
            if len(self._indexes) == MAX_COUNTED:
                self._has_more = True
            else:
                self._indexes[key] = len(self._counts)
                self._created_at.append(created_at)
                self._numbers.append(row.number)
                self._counts.append(1)
            return
        self._counts[index] += 1
        if key in self._conflicts or created_at != self._created_at[index]:
            self._conflicting_ids.add(key)
            self._note(key, index, row, created_at)

    def _note(self, key: int, index: int, row: AcceptedRow, created_at: int) -> None:
        if key not in self._conflicts and len(self._conflicts) < MAX_WARNINGS:
            numbers = [self._numbers[index]]
            self._conflicts[key] = _Conflict(row.state.id, numbers, self._created_at[index], created_at)
        if (conflict := self._conflicts.get(key)) and len(conflict.numbers) < MAX_NUMBERS:
            conflict.numbers.append(row.number)

    @property
    def summary(self) -> str:
        """The rows and records, such as `5 rows: 3 calls, 2 of them twice.`."""
        noun = _NOUNS.get(self._map.kind, "item")
        records = len(self._indexes)
        text = f"{_count(self.rows, 'row')}: {'more than ' if self._has_more else ''}{_count(records, noun)}"
        if self._merged:
            text += f", merged from {_count(self.accepted + self._merged, 'row')}"
        elif records == 1 and self._counts[0] > 1:
            text += f" in {_count(self._counts[0], 'row')}"
        elif repeated := [count for count in self._counts if count > 1]:
            text += f", {len(repeated):,} of them {'twice' if max(repeated) == 2 else 'more than once'}"
        left_out = [(self.skipped, "skipped"), (self.rejected, "rejected")]
        return "".join((text, *(f", {_count(number, 'row')} {how}" for number, how in left_out if number), "."))

    @property
    def warnings(self) -> list[str]:
        """A sentence for each of the first ids whose rows differ in `created_at`, and one for the others."""
        noun = _NOUNS.get(self._map.kind, "item")
        sentences = [
            f"{self._path}, {row_word(self._path, self._map)}s {_list(conflict.numbers)}: the id {quoted(conflict.id)} "
            f"has different created_at: {format_instant(conflict.first)} and {format_instant(conflict.second)}. "
            f"Rows with one id are one {noun}: check id in the map, or set merge if they are its legs."
            for conflict in self._conflicts.values()
        ]
        if more := len(self._conflicting_ids) - len(self._conflicts):
            sentences.append(
                f"{self._path}: {more:,} more {'id has' if more == 1 else 'ids have'} different created_at."
            )
        return sentences


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _list(numbers: list[int]) -> str:
    shown = [str(number) for number in numbers]
    if len(numbers) == MAX_NUMBERS:
        return ", ".join(shown) + " ..."
    return ", ".join(shown[:-1]) + f" and {shown[-1]}"
