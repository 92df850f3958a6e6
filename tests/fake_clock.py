"""The clock of a server's processes, set by a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Python runs this before the program. It adds an offset, read from a file, to the system clock.
SITECUSTOMIZE: Final = """
import os, time

def shifted(clock, unit, file=os.environ["CLOCK_OFFSET"]):
    def now():
        with open(file) as offset:
            return clock() + int(offset.read()) * unit
    return now

time.time, time.time_ns = shifted(time.time, 1), shifted(time.time_ns, 1_000_000_000)
"""


class FakeClock:
    """The clock of a server and of its commands. Pass `environment` to the server."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.set(0)
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self.environment: Mapping[str, str] = {"PYTHONPATH": str(folder), "CLOCK_OFFSET": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Set the clock to this many seconds from the right time. The file is replaced atomically."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._offset)
