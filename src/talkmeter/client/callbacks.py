"""Call the caller's function for quarantined events."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from talkmeter.client.events import Event, read_event
from talkmeter.client.responses import Quarantined

OnQuarantined = Callable[[Event, Quarantined], None]
_log: Final = logging.getLogger("talkmeter.client")


def report_quarantined(on_quarantined: OnQuarantined | None, events: Sequence[tuple[bytes, Quarantined]]) -> None:
    """Call `on_quarantined` for each event; an exception is logged and the next event follows."""
    if on_quarantined is None:
        return
    for body, quarantined in events:
        try:
            on_quarantined(read_event(body), quarantined)
        except Exception:  # noqa: BLE001  an error in the caller's function must not stop sending
            _log.exception("on_quarantined failed.")
