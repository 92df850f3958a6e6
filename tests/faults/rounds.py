"""How often a fault is made: a few times with all tests, many times by `make faults`."""

import os
from typing import Final

_IN_FULL: Final = "TALKMETER_FAULTS_IN_FULL" in os.environ


def rounds(usual: int, full: int) -> int:
    """The number of rounds of this run."""
    return full if _IN_FULL else usual
