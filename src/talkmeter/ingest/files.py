"""Read files of CloudEvents in JSON lines, in batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.errors import OperationFailed
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ledger.batch import ParsedEvent

LINES_PER_BATCH: Final = 5_000
"""A batch is one transaction. A large one is faster, because each index page that it touches is written once."""
BYTES_PER_BATCH: Final = 8 << 20
MAX_LINE_BYTES: Final = 1 << 20


class FileBatch(NamedTuple):
    """The events of some lines of a file, and the size of the lines in bytes."""

    events: list[ParsedEvent]
    size: int


def read_batches(path: Path, sender: Sender) -> Iterator[FileBatch]:
    """Yield the events of a file in batches of bounded size. Empty lines are skipped.

    Raises OperationFailed if the file cannot be read or a line is longer than MAX_LINE_BYTES.
    """
    try:
        with path.open("rb") as file:
            events: list[ParsedEvent] = []
            size = number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise OperationFailed(
                        f"{path}, line {number}: longer than {MAX_LINE_BYTES} bytes; is it JSON lines?"
                    )
                size += len(line)
                if raw := line.strip():
                    events.append(read_event(raw, sender))
                if len(events) >= LINES_PER_BATCH or size >= BYTES_PER_BATCH:
                    yield FileBatch(events, size)
                    events, size = [], 0
            if size:
                yield FileBatch(events, size)
    except OSError as error:
        raise OperationFailed(f"{path} cannot be read: {error.strerror}.") from None
