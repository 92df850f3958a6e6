"""Events that the server rejected, as the caller sees them."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from talkmeter.client.events import Event, read_event
from talkmeter.client.spool import SetAsideRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SetAside(NamedTuple):
    """An event in the spool that is not sent, because the server rejected it with this status and sentence."""

    event: Event
    status: int
    sentence: str
    at: datetime


def read_set_aside_row(row: SetAsideRow) -> SetAside:
    """Decode a row of the spool."""
    return SetAside(read_event(row.body), row.status, row.sentence, _EPOCH + timedelta(microseconds=row.at))
