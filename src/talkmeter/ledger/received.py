"""The states ever received of some records, as the history holds them."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, bindparam, select

from talkmeter.ledger import tables
from talkmeter.ledger.statements import Compiled, Row
from talkmeter.records import Kind, RecordKey

_state = tables.record_state.c
_OF_RECORDS = Compiled(
    select(*_state).where(
        _state.org_id == bindparam("org"),
        _state.kind == bindparam("kind"),
        _state.id.in_(bindparam("ids", expanding=True)),
    )
)


def history_rows(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> Iterator[Row]:
    """The rows of `record_state` of some records."""
    by_kind: dict[Kind, list[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    for kind, ids in by_kind.items():
        yield from _OF_RECORDS.run_among(connection, (org_id, kind.value), ids)
