"""The memory of a server's processes: their proportional set size (PSS)."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import Server

MIB: Final = 1 << 20
_PSS: Final = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)


def processes_of(server: Server) -> list[int]:
    """Return the ids of the server's processes, which are a process group."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _group(int(entry.name)) == server.process.pid
    ]


def memory_of(server: Server) -> int:
    """Return the bytes that the server's processes use now."""
    return sum(map(_proportional_bytes, processes_of(server)))


class PeakMemory:
    """The most memory used so far."""

    peak = 0


@contextmanager
def watch_peak_memory(server: Server, every_sec: float = 0.1) -> Iterator[PeakMemory]:
    """Measure a server's memory repeatedly until the block ends."""
    memory, stop = PeakMemory(), threading.Event()

    def measure() -> None:
        while not stop.wait(every_sec):
            memory.peak = max(memory.peak, memory_of(server))

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def _proportional_bytes(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = _PSS.search(rollup)
    return int(found[1]) * 1024 if found else 0


def _group(process: int) -> int | None:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return None
