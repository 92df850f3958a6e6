"""Report what was not counted: quarantined events to the caller's function, events left in the spool to the log."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from talkmeter_client.events import Event, read_event
from talkmeter_client.responses import Quarantined
from talkmeter_client.spool import Waiting

OnQuarantined = Callable[[Event, Quarantined], None]
_log: Final = logging.getLogger("talkmeter_client")


def report_quarantined(on_quarantined: OnQuarantined | None, events: Sequence[tuple[bytes, Quarantined]]) -> None:
    """Call `on_quarantined` for each event; an exception is logged and the next event follows."""
    if on_quarantined is None:
        return
    for body, quarantined in events:
        try:
            on_quarantined(read_event(body), quarantined)
        except Exception:  # noqa: BLE001  an error in the caller's function must not stop sending
            _log.exception("on_quarantined failed.")


def report_left(waiting: Waiting) -> int:
    """Log what a closed client leaves in its spool; return the number of events that wait to be sent."""
    if waiting.events:
        _log.warning("%d events are left in the spool; the next client that opens it sends them.", waiting.events)
    if waiting.set_aside:
        _log.warning(
            "%d events are set aside because the server rejected them, and are not counted: see "
            "'talkmeter-spool show'.",
            waiting.set_aside,
        )
    return waiting.events
