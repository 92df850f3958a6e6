"""The number of SQL statements per batch: a fixed number, plus one per 1,000 rows of each table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, event

from bench.dataset import DAYS
from bench.workload import Workload
from talkmeter import clock
from talkmeter.db.engine import transaction
from talkmeter.db.migrate import migrate
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.write import write_batches

_EVENTS_PER_DAY: Final = 1_000
_INSERT: Final = re.compile(r'\s*INSERT INTO "?(\w+)')


class StatementCount(NamedTuple):
    """The statements of one batch: reads, and inserts by table."""

    events: int
    reads: int
    inserts: dict[str, int]

    @property
    def total(self) -> int:
        """The number of all statements."""
        return self.reads + sum(self.inserts.values())


def count_statements(engine: Engine, events: int) -> StatementCount:
    """Count the statements for a batch of new conversations of an existing organization, then roll back."""
    migrate(engine)
    workload = Workload(DAYS * _EVENTS_PER_DAY)
    [org_id] = workload.organizations
    states = list(enumerate(workload.states(0, events)))
    with transaction(engine) as connection:
        # Create the organization, so that the batch finds it.
        write_batches(connection, [OrgBatch(org_id, "bench", [])], clock.now(), keep_history=True)
        with _recorded_statements(engine) as statements:
            write_batches(connection, [OrgBatch(org_id, "bench", states)], clock.now(), keep_history=True)
        connection.rollback()
    inserts: dict[str, int] = {}
    for statement in statements:
        if match := _INSERT.match(statement):
            inserts[match[1]] = inserts.get(match[1], 0) + 1
    return StatementCount(events, len(statements) - sum(inserts.values()), inserts)


@contextmanager
def _recorded_statements(engine: Engine) -> Iterator[list[str]]:
    """Yield a list that receives every statement executed in the block."""
    statements: list[str] = []

    def record(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)
