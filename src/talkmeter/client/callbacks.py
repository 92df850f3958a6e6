"""Tells whoever wants to know of events that the server cannot count."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from talkmeter.client.events import Event, read_event
from talkmeter.client.responses import Quarantined

OnQuarantined = Callable[[Event, Quarantined], None]
_log: Final = logging.getLogger("talkmeter.client")


def report(on_quarantined: OnQuarantined | None, quarantined: Sequence[tuple[bytes, Quarantined]]) -> None:
    """Tell of each event; what is told is done with, even where the telling fails."""
    if on_quarantined is None:
        return
    for body, one in quarantined:
        try:
            on_quarantined(read_event(body), one)
        except Exception:  # noqa: BLE001  a fault of theirs must not hold up all that waits
            _log.exception("on_quarantined failed.")
