"""How many statements a batch costs: a fixed number, and one for each 1 000 rows of a table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, event

from bench.dataset import DAYS
from bench.workload import Workload
from talkmeter import clock
from talkmeter.ledger.arrivals import Work
from talkmeter.ledger.engine import transaction
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.write import write_batch

_EVENTS_PER_DAY: Final = 1_000
_INSERTED: Final = re.compile(r'\s*INSERT INTO "?(\w+)')


class Sent(NamedTuple):
    """The statements of one batch: those that read, and those that insert into each table."""

    events: int
    reading: int
    inserting: dict[str, int]

    @property
    def statements(self) -> int:
        """All of them."""
        return self.reading + sum(self.inserting.values())


def statements_of(engine: Engine, events: int) -> Sent:
    """What a batch of new conversations sends to a ledger that knows their organization; it is rolled back."""
    migrate(engine)
    workload = Workload(DAYS * _EVENTS_PER_DAY)
    [org_id] = workload.organizations
    states = list(enumerate(workload.states(0, events)))
    with transaction(engine) as connection:
        # The organization exists, as it does for all its batches but the first.
        write_batch(connection, {org_id: [Work("bench", [])]}, clock.now(), keep_history=True)
        with _watching(engine) as texts:
            write_batch(connection, {org_id: [Work("bench", states)]}, clock.now(), keep_history=True)
        connection.rollback()
    inserting: dict[str, int] = {}
    for text in texts:
        if found := _INSERTED.match(text):
            inserting[found[1]] = inserting.get(found[1], 0) + 1
    return Sent(events, len(texts) - sum(inserting.values()), inserting)


@contextmanager
def _watching(engine: Engine) -> Iterator[list[str]]:
    """The texts of all statements inside the block."""
    texts: list[str] = []

    def note(_connection: Connection, _cursor: object, text: str, *_: object) -> None:
        texts.append(text)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield texts
    finally:
        event.remove(engine, "before_cursor_execute", note)
