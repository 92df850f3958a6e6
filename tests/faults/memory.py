"""The memory that a server and its processes really hold: their proportional share of every page."""

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
    """The server's processes: it began a group of its own."""
    return [
        int(one.name)
        for one in Path("/proc").iterdir()
        if one.name.isdigit() and _group(int(one.name)) == server.process.pid
    ]


def memory_of(server: Server) -> int:
    """Bytes that its processes hold now."""
    return sum(map(_held_by, processes_of(server)))


class PeakMemory:
    """The most that was held so far."""

    peak = 0


@contextmanager
def watch_peak_memory(server: Server, every_sec: float = 0.1) -> Iterator[PeakMemory]:
    """Look at a server's memory again and again."""
    watched, stop = PeakMemory(), threading.Event()

    def look() -> None:
        while not stop.wait(every_sec):
            watched.peak = max(watched.peak, memory_of(server))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        stop.set()
        thread.join()


def _held_by(process: int) -> int:
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
