"""Deletes all usage of a closed organization, in bounded transactions."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Engine

from talkmeter.db.engine import writing
from talkmeter.ledger.closing import USAGE_TABLES, check_delete, delete_some_rows
from talkmeter.ledger.organization_rows import lock_organization
from talkmeter.ledger.quarantine import QuarantinedEvent, drop_quarantined, list_quarantine
from talkmeter.ledger.write import QUARANTINE_LIMIT


def delete_usage(engine: Engine, org_id: str) -> Iterator[int]:
    """Delete everything, and yield the number of deleted rows after each transaction. It can be repeated."""
    for table in USAGE_TABLES:
        while True:
            with writing(engine) as connection:
                lock_organization(connection, org_id)
                check_delete(connection, org_id)
                deleted = delete_some_rows(connection, table, org_id)
            if not deleted:
                break
            yield deleted
    yield _delete_unassigned(engine, org_id)


def _delete_unassigned(engine: Engine, org_id: str) -> int:
    """Delete quarantined events that name the organization, but arrived when it did not exist."""
    with writing(engine) as connection:
        events, _ = list_quarantine(connection, [""], QUARANTINE_LIMIT)
        return drop_quarantined(connection, [event for event in events if _names(event, org_id)])


def _names(event: QuarantinedEvent, org_id: str) -> bool:
    kept = msgspec.json.decode(event.kept_fields)
    data = kept.get("data") if isinstance(kept, dict) else None
    return isinstance(data, dict) and data.get("organization_id") == org_id
