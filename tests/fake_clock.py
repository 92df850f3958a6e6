"""The clock of a server's processes, set from outside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

# What Python runs at its start, before the program: the clock of the system, and an offset that stands in a file.
CLOCK_THAT_JUMPS: Final = """
import os, time

def jumping(of, unit, file=os.environ["CLOCK_OFFSET"]):
    def now():
        with open(file) as offset:
            return of() + int(offset.read()) * unit
    return now

time.time, time.time_ns = jumping(time.time, 1), jumping(time.time_ns, 1_000_000_000)
"""


class FakeClock:
    """The clock of a server and of its command line, set from outside."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.set(0)
        (folder / "sitecustomize.py").write_text(CLOCK_THAT_JUMPS)
        self.environment: Mapping[str, str] = {"PYTHONPATH": str(folder), "CLOCK_OFFSET": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Set the clock so many seconds from the right time; nobody ever reads half of it."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._offset)
