"""Builds a new SQLite ledger from the readable rows of a damaged one.

Rows are copied table by table, each after a check. A record and its received states restore each other; the daily
totals are computed from the records, except those of days whose records were deleted because of their age. The
report names what could not be read, and each day whose old total differs from the new one, because records are missing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, Engine, Table

from talkmeter import clock
from talkmeter.counting import COUNTERS, TOTAL, Counters
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.meta import INVENTORY_SINCE, write_meta
from talkmeter.db.salvage import Cells, Lost, PageFile
from talkmeter.db.schema import NEWEST, VERSION
from talkmeter.db.statements import OnConflict, Row, insert_rows, integer
from talkmeter.errors import Damaged, OperationFailed, quoted
from talkmeter.ledger.batch import AGENT
from talkmeter.ledger.call_links import read_preferred_side
from talkmeter.ledger.copy import assign_new_identity
from talkmeter.ledger.organization_rows import organization_row
from talkmeter.ledger.organizations import directory_row
from talkmeter.ledger.stored_rows import Decode, check_row
from talkmeter.ledger.verify import verify_organization
from talkmeter.period import format_day
from talkmeter.records import Kind

_ROWS_PER_TRANSACTION: Final = 5_000
_HASHED: Final = (tables.record_state, tables.conversation, tables.workflow_execution, tables.inventory_item)
"""Tables whose rows prove by a hash that they are whole, so that they can be read from pages that nothing leads to."""
_SCHEMA_ROOT: Final = 1
_ROOTS: Final = "SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"


class RecoveredTable(NamedTuple):
    """The number of rows that were read from a table, and a clause for each part that was lost."""

    name: str
    rows: int
    losses: list[str]


class Differences(NamedTuple):
    """What remains wrong in the new ledger, as sentences; `unlike` are days whose old totals differ from the new."""

    found: list[str]
    unlike: list[str]


class Recovery:
    """One recovery into a new, empty ledger."""

    def __init__(self, source: PageFile, target: Engine, decoders: Mapping[str, Decode]) -> None:
        """Take the damaged file and an empty ledger; `decoders` are those of tables outside the ledger.

        Raises OperationFailed if the file has another schema version than this program.
        """
        self._source = source
        self._target = target
        self._decoders = decoders
        self._old_totals: dict[tuple[str, int], Counters] = {}
        self._lost_links = False
        with reading(target) as connection:
            self._roots = {str(name): int(root) for name, root in connection.exec_driver_sql(_ROOTS)}
        # Without a readable schema, the tables are looked for where a new database has them.
        self._roots.update(_read_roots(source))
        self._require_version()

    def copy_tables(self) -> Iterator[RecoveredTable]:
        """Copy the readable rows of all tables; yield the number of each table and what was lost."""
        if self._source.log.unread:
            clause = f"{self._source.log.unread:,} pages of the write-ahead log, which is damaged before them"
            yield RecoveredTable("write-ahead log", 0, [clause])
        if losses := self._copy_meta():
            yield RecoveredTable(tables.meta.name, 0, losses)
        reports = [self._copy_table(table) for table in tables.metadata.sorted_tables if table is not tables.meta]
        unlinked = {table.name: 0 for table in _HASHED}
        for by_row in (True, False):
            for rows in self._source.unlinked_rows(by_row=by_row):
                for table in _HASHED:
                    if _is_ordered_by_row(table) is by_row:
                        unlinked[table.name] += self._insert(table, self._whole(table, rows))
        for report in reports:
            yield report._replace(rows=report.rows + unlinked.get(report.name, 0))

    def finish(self) -> Differences:
        """Restore records and states from each other, compute the daily totals, and verify the result."""
        with writing(self._target) as connection:
            _drop_wrong_keys(connection)
            org_ids = _add_organizations(connection)
            if self._lost_links:
                _restore_links(connection, org_ids)
        for org_id in org_ids:
            for _ in verify_organization(self._target, org_id, repair=True):
                pass
        found = [
            f"{org_id}: {discrepancy.sentence}"
            for org_id in org_ids
            for discrepancy in verify_organization(self._target, org_id, repair=False)
        ]
        unlike = list(self._unlike_old_totals())
        assign_new_identity(self._target)
        return Differences(found, unlike)

    def _require_version(self) -> None:
        rows = self._source.rows(self._roots[VERSION.name], by_row=False)
        for row in rows:
            version = None if isinstance(row, Lost) else row[0]
            if isinstance(version, str) and re.fullmatch("[0-9]{4}", version) and version != NEWEST:
                raise OperationFailed(
                    f"The database has schema version {version}, but this program recovers version {NEWEST}. Use the "
                    "version of Talkmeter that wrote the database."
                )

    def _copy_meta(self) -> list[str]:
        """Copy from when on the inventory days are complete; return a clause for each row that was lost."""
        losses: list[str] = []
        for name, value in self._readable(tables.meta, losses):
            if name == INVENTORY_SINCE:
                with writing(self._target) as connection:
                    write_meta(connection, INVENTORY_SINCE, str(value))
        return losses

    def _copy_table(self, table: Table) -> RecoveredTable:
        losses: list[str] = []
        rows = self._readable(table, losses)
        if table is tables.usage_daily:
            count = self._copy_totals(rows)
        elif table is tables.usage_monthly:
            # `finish` computes them from the days.
            count = sum(1 for _ in rows)
        else:
            count = self._insert(table, rows)
        if table is tables.conversation_link:
            self._lost_links = bool(losses)
        return RecoveredTable(table.name, count, losses)

    def _copy_totals(self, rows: Iterator[Row]) -> int:
        """Insert the totals of days whose records were deleted because of their age; return the number of all rows."""
        query = "SELECT org_id, records_from FROM organization WHERE records_from IS NOT NULL"
        with reading(self._target) as connection:
            first_days = {str(org_id): int(day) for org_id, day in connection.exec_driver_sql(query)}
        count = 0

        def old_totals() -> Iterator[Row]:
            nonlocal count
            for row in rows:
                count += 1
                self._keep_total(row)
                if integer(row[2]) < first_days.get(str(row[0]), 0):
                    yield row

        self._insert(tables.usage_daily, old_totals())
        return count

    def _keep_total(self, row: Row) -> None:
        org_id, dimension, day, _, *amounts = row
        if dimension == TOTAL:
            counters = cast("list[int]", amounts[: len(COUNTERS)])
            self._old_totals[str(org_id), cast("int", day)] = Counters(*counters)

    def _readable(self, table: Table, losses: list[str]) -> Iterator[Row]:
        """Yield the rows of a table that are whole; add a clause to `losses` for each that is not."""
        root = self._roots.get(table.name)
        if root is None:
            losses.append("the whole table, which the file's schema does not contain")
            return
        by_row = _is_ordered_by_row(table)
        rows = self._source.rows(root, by_row=by_row)
        previous: Row | None = None
        pending: Lost | None = None
        for row in (
            _in_order(table, self._checked(table, rows, losses)) if by_row else self._checked(table, rows, losses)
        ):
            if isinstance(row, Lost):
                if pending is not None:
                    losses.append(_range(table, pending, previous, None))
                pending = row
                continue
            if pending is not None:
                losses.append(_range(table, pending, previous, row))
                pending = None
            previous = row
            yield row
        if pending is not None:
            losses.append(_range(table, pending, previous, None))

    def _checked(self, table: Table, rows: Iterable[Cells | Lost], losses: list[str]) -> Iterator[Row | Lost]:
        for cells in rows:
            if isinstance(cells, Lost):
                yield cells
                continue
            try:
                row = _padded(table, cells)
                check_row(table, row, self._decoders)
            except Damaged as error:
                losses.append(error.detail.rstrip("."))
            except ValueError as error:
                losses.append(str(error))
            else:
                yield row

    def _whole(self, table: Table, rows: Iterable[Cells]) -> Iterator[Row]:
        """Yield the rows that are rows of a table."""
        return (row for row in self._checked(table, rows, []) if not isinstance(row, Lost))

    def _insert(self, table: Table, rows: Iterator[Row]) -> int:
        """Insert rows whose key is new; return their number."""
        inserted = 0
        while part := list(islice(rows, _ROWS_PER_TRANSACTION)):
            with writing(self._target) as connection:
                inserted += insert_rows(connection, table, part, OnConflict.KEEP)
        return inserted

    def _unlike_old_totals(self) -> Iterator[str]:
        """Yield a sentence for each day whose old total was whole and is another one than the new total."""
        query = f"SELECT org_id, day, {', '.join(COUNTERS)} FROM usage_daily WHERE dimension = '{TOTAL}'"  # noqa: S608  only names of our own
        with reading(self._target) as connection:
            new = {(org_id, day): Counters(*counters) for org_id, day, *counters in connection.exec_driver_sql(query)}
        zero = Counters(*[0] * len(COUNTERS))
        for (org_id, day), old in sorted(self._old_totals.items()):
            now = new.get((org_id, day), zero)
            if now != old:
                parts = [
                    f"{name} {b:,} (before: {a:,})" for name, a, b in zip(COUNTERS, old, now, strict=True) if a != b
                ]
                yield f"{org_id}: {format_day(day)} has {', '.join(parts)}."


def _read_roots(source: PageFile) -> dict[str, int]:
    """Return the root page of each table that the file's schema names."""
    roots: dict[str, int] = {}
    for row in source.rows(_SCHEMA_ROOT, by_row=False):
        if isinstance(row, Lost) or len(row) != 5:
            continue
        type_, name, _, root, _ = row
        if type_ == "table" and isinstance(name, str) and isinstance(root, int):
            roots[name] = root
    return roots


def _is_ordered_by_row(table: Table) -> bool:
    return table.dialect_options["sqlite"]["with_rowid"] is False


def _padded(table: Table, cells: Cells) -> Row:
    """Return a row with nulls for the columns that a later version has added. Raises ValueError if it has too many."""
    missing = len(table.c) - len(cells)
    if missing < 0:
        message = "a row of another table"
        raise ValueError(message)
    return cast("Row", cells + (None,) * missing)


def _in_order(table: Table, rows: Iterator[Row | Lost]) -> Iterator[Row | Lost]:
    """Yield rows in the order of their keys. A row out of order has a damaged key and is lost."""
    last: Row | None = None
    held: Row | None = None
    for row in rows:
        if isinstance(row, Lost):
            if held is not None:
                yield held
                last, held = held, None
            yield row
        elif held is None or _order(table, held) < _order(table, row):
            if held is not None:
                yield held
                last = held
            held = row
        elif last is None or _order(table, last) < _order(table, row):
            yield Lost(0, f"the row {_key(table, held)}, whose key is out of order")
            held = row
        else:
            yield Lost(0, f"the row {_key(table, row)}, whose key is out of order")
    if held is not None:
        yield held


def _order(table: Table, row: Row) -> tuple[object, ...]:
    values = row[: len(table.primary_key.columns)]
    return tuple(value.encode() if isinstance(value, str) else value for value in values)


def _key(table: Table, row: Row) -> str:
    """Return the texts of a row's key."""
    key = row[: len(table.primary_key.columns)]
    return " ".join(
        quoted(value) if isinstance(value, str) else str(value) for value in key if not isinstance(value, bytes)
    )


def _range(table: Table, lost: Lost, previous: Row | None, following: Row | None) -> str:
    """Return a clause that says where rows were lost."""
    if lost.page == 0:
        return lost.why
    after = f"after {_key(table, previous)}" if previous else "at the start of the table"
    before = f"before {_key(table, following)}" if following else "up to the next loss or the end"
    return f"page {lost.page:,} ({lost.why}): rows {after}, {before}"


def _drop_wrong_keys(connection: Connection) -> None:
    """Delete records whose key is damaged: a received state has their event, but for a record that is missing."""
    for table in (tables.conversation, tables.workflow_execution, tables.inventory_item):
        kinds = ", ".join(f"'{kind}'" for kind in Kind if tables.RECORD_TABLES[kind] is table)
        kind_of = "{0}.kind" if table is tables.inventory_item else kinds
        connection.exec_driver_sql(
            f"""
            DELETE FROM {table.name} WHERE rowid IN (
                SELECT wrong.rowid FROM record_state AS state JOIN {table.name} AS wrong
                ON (state.source, state.event_id, state.time, state.hash, state.sequence)
                = (wrong.source, wrong.event_id, wrong.time, wrong.hash, wrong.sequence)
                WHERE state.kind IN ({kinds}) AND state.kind = {kind_of.format("wrong")}
                AND NOT EXISTS (
                    SELECT 1 FROM {table.name} AS present WHERE present.org_id = state.org_id
                    AND present.id = state.id AND state.kind = {kind_of.format("present")}
                )
                AND NOT EXISTS (
                    SELECT 1 FROM record_state AS own
                    WHERE own.org_id = wrong.org_id AND own.kind = state.kind AND own.id = wrong.id
                )
            )
            """  # noqa: S608  only names of our own
        )


def _add_organizations(connection: Connection) -> list[str]:
    """Add every organization with usage to the directory, and when its last event was stored; return all."""
    used = " UNION ".join(f"SELECT org_id FROM {table.name}" for table in (tables.organization, *_HASHED))  # noqa: S608  only names of our own
    listed = "SELECT org_id FROM organization_directory"
    org_ids = [str(org_id) for (org_id,) in connection.exec_driver_sql(f"{used} UNION {listed} ORDER BY 1") if org_id]
    rows = [directory_row(org_id, None, clock.now()) for org_id in org_ids]
    insert_rows(connection, tables.organization_directory, rows, OnConflict.KEEP)
    insert_rows(
        connection, tables.organization, [organization_row(org_id, None) for org_id in org_ids], OnConflict.KEEP
    )
    _restore_closed(connection)
    connection.exec_driver_sql(
        "UPDATE organization SET last_event_at = (SELECT max(stored_at) FROM record_state AS s "
        "WHERE s.org_id = organization.org_id) WHERE last_event_at IS NULL"
    )
    return org_ids


def _restore_closed(connection: Connection) -> None:
    """Close each organization in both tables if one of them says so; 'talkmeter orgs add' can open it again."""
    connection.exec_driver_sql(
        "UPDATE organization SET closed = 1 WHERE org_id IN "
        "(SELECT org_id FROM organization_directory WHERE closed IS NOT NULL)"
    )
    connection.exec_driver_sql(
        "UPDATE organization_directory SET closed = 'deleted' WHERE closed IS NULL AND org_id IN "
        "(SELECT org_id FROM organization WHERE closed = 1)"
    )


def _restore_links(connection: Connection, org_ids: Iterable[str]) -> None:
    """Link each conversation that says so to the one that is counted, as if both had been reported as one call."""
    for org_id in org_ids:
        counted = read_preferred_side(connection, org_id)
        other = "carrier" if counted == AGENT else AGENT
        query = "SELECT id, linked_to FROM conversation WHERE org_id = ? AND linked_to IS NOT NULL"
        links: list[Row] = []
        for id_, linked_to in connection.exec_driver_sql(query, (org_id,)):
            links += [
                (org_id, linked_to, linked_to, counted),
                (org_id, linked_to, id_, other),
                (org_id, id_, id_, other),
            ]
        insert_rows(connection, tables.conversation_link, sorted(set(links), key=repr), OnConflict.KEEP)
