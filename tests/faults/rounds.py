"""How often a fault is repeated: a few times by `make test`, many times by `make faults`."""

import os
from typing import Final

_IN_FULL: Final = "TALKMETER_FAULTS_IN_FULL" in os.environ


def rounds(usual: int, full: int) -> int:
    """Return the number of rounds in this run."""
    return full if _IN_FULL else usual
