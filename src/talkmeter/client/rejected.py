"""Events that the server refused, as their sender sees them."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from talkmeter.client.events import Event, read_event
from talkmeter.client.spool import AsideRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SetAside(NamedTuple):
    """One event that is kept in the spool and no longer sent; `sentence` is the server's, `at` when it said so."""

    event: Event
    status: int
    sentence: str
    at: datetime


def read_aside(row: AsideRow) -> SetAside:
    """A row of the spool."""
    return SetAside(read_event(row.body), row.status, row.sentence, _EPOCH + timedelta(microseconds=row.at))
