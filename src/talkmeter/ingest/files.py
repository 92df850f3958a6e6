"""Read files of CloudEvents in JSON lines, in batches."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.errors import OperationFailed
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.compressed import open_decompressed
from talkmeter.ledger.batch import ParsedEvent, PartialUpdate

LINES_PER_BATCH: Final = 5_000
"""A batch is one transaction. A large one is faster, because each index page that it touches is written once."""
BYTES_PER_BATCH: Final = 8 << 20
MAX_LINE_BYTES: Final = 1 << 20


class FileBatch(NamedTuple):
    """The events of some lines of a file, and the size of the lines in bytes."""

    events: Sequence[ParsedEvent | PartialUpdate]
    size: int


def read_batches(path: Path, sender: Sender) -> Iterator[FileBatch]:
    """Yield the events of a file in batches of bounded size. Empty lines are skipped. It may be compressed.

    Raises OperationFailed if the file cannot be read or a line is longer than MAX_LINE_BYTES.
    """
    with open_decompressed(path) as (file, bytes_read):
        events: list[ParsedEvent] = []
        size = number = yielded = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise OperationFailed(f"{path}, line {number}: longer than {MAX_LINE_BYTES} bytes; is it JSON lines?")
            size += len(line)
            if raw := line.strip():
                events.append(read_event(raw, sender))
            if len(events) >= LINES_PER_BATCH or size >= BYTES_PER_BATCH:
                yield FileBatch(events, bytes_read() - yielded)
                events, size, yielded = [], 0, bytes_read()
        if size:
            yield FileBatch(events, bytes_read() - yielded)
