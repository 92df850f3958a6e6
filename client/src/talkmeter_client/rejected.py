"""Events that the server rejected, as the caller sees them."""

from datetime import datetime, timedelta
from typing import NamedTuple

from talkmeter_client.clock import EPOCH
from talkmeter_client.events import Event, read_event
from talkmeter_client.spool import SetAsideRow


class SetAside(NamedTuple):
    """An event in the spool that is not sent, because the server rejected it with this status and sentence."""

    event: Event
    status: int
    sentence: str
    at: datetime


def read_set_aside_row(row: SetAsideRow) -> SetAside:
    """Decode a row of the spool."""
    return SetAside(read_event(row.body), row.status, row.sentence, EPOCH + timedelta(microseconds=row.at))
