"""`verify` finds rows that were changed outside Talkmeter, and a repair restores them exactly."""

import sqlite3
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.laws.histories import EVERYTHING, histories, laws
from tests.laws.ledgers import FileLedgers, LawLedger
from tests.laws.model import HistoryItem
from tests.laws.strategies import CALL_STATUSES, DAYS, FIRST_DAY, ORG
from tests.laws.test_daily_totals import COUNTERS, DIMENSIONS

pytestmark = pytest.mark.timeout(600)

Values = tuple[Any, ...]


def change_total(connection: sqlite3.Connection, index: int, column: int, by: int) -> None:
    key, names = pick_total(connection, index)
    name = names[column]
    connection.execute(
        f"UPDATE usage_daily SET {name} = {name} + ? WHERE (dimension, day, value) = (?, ?, ?)", (by, *key)
    )


def remove_total(connection: sqlite3.Connection, index: int) -> None:
    key, _ = pick_total(connection, index)
    connection.execute("DELETE FROM usage_daily WHERE (dimension, day, value) = (?, ?, ?)", key)


def put_total(connection: sqlite3.Connection, key: Values, counters: list[int]) -> None:
    marks = ", ".join("?" * (5 + COUNTERS))
    row = (ORG, *key, *counters[:13], None, *counters[13:])
    connection.execute(f"INSERT OR REPLACE INTO usage_daily VALUES ({marks})", row)


def pick_total(connection: sqlite3.Connection, index: int) -> tuple[Values, list[str]]:
    """Return the key of a daily total and the names of the counters."""
    rows = connection.execute("SELECT * FROM usage_daily ORDER BY dimension, day, value")
    names = [column[0] for column in rows.description]
    totals = rows.fetchall()
    return (totals[index % len(totals)][1:4] if totals else ("", 0, "")), [*names[4:17], *names[18:]]


indexes, amounts = st.integers(0, 99), st.integers(-2, 3_000)
days = st.integers(FIRST_DAY - 1, FIRST_DAY + DAYS) | st.integers(0, 47_481)
keys = st.tuples(st.sampled_from(DIMENSIONS), days, st.sampled_from(("", "a", "telephone", "never")))
total_damages = st.one_of(
    st.tuples(st.just(change_total), indexes, st.integers(0, COUNTERS - 1), amounts),
    st.tuples(st.just(remove_total), indexes),
    st.tuples(st.just(put_total), keys, st.lists(amounts, min_size=COUNTERS, max_size=COUNTERS)),
)


@laws
@given(histories, st.lists(total_damages, min_size=1, max_size=4))
def test_repair_finds_and_restores_every_damaged_daily_total(
    file_ledgers: FileLedgers, history: list[HistoryItem], damages: list[Values]
) -> None:
    with file_ledgers.empty() as ledger:
        ledger.ingest(history)
        expected, summary = ledger.totals(), ledger.summary(*EVERYTHING)
        with ledger.open_file() as connection:
            for damage, *arguments in damages:
                damage(connection, *arguments)
        damaged = ledger.totals()
        assume(damaged != expected)
        wrong = [key for key in damaged.keys() | expected.keys() if damaged.get(key) != expected.get(key)]
        differences = ledger.verify()
        assert len(differences) == len(wrong)
        assert ledger.verify(repair=True) == differences
        assert ledger.totals() == expected
        assert ledger.summary(*EVERYTHING) == summary
        assert ledger.verify() == []


COLUMNS: dict[str, dict[str, tuple[object, ...]]] = {
    "conversation": {
        "channel": ("telephone", "text", None),
        "direction": ("inbound", "outbound"),
        "status": (*CALL_STATUSES, "engaged"),
        "created_at": (*EVERYTHING, None),
        "duration_ms": (None, 0, 7),
        "modality": ("voice", "chat"),
        "agent_id": (None, "a", "never"),
    },
    "workflow_execution": {
        "status": ("running", "success", "failed"),
        "created_at": EVERYTHING,
        "workflow_id": (None, "a", "never"),
    },
}


def change_record(connection: sqlite3.Connection, table: str, column: str, value: object, id_: str) -> None:
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ? AND NOT deleted", (value, id_))


def delete_record(connection: sqlite3.Connection, table: str, id_: str) -> None:
    nulls = ", ".join(f"{column} = NULL" for column in COLUMNS[table])
    connection.execute(f"UPDATE {table} SET deleted = 1, {nulls} WHERE id = ?", (id_,))


def remove_record(connection: sqlite3.Connection, table: str, id_: str) -> None:
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,))


def read_records(ledger: LawLedger) -> list[Values]:
    """Return every winning state in the file without `stored_at`."""
    with ledger.open_file() as connection:
        connection.row_factory = sqlite3.Row
        rows = (row for table in COLUMNS for row in connection.execute(f"SELECT * FROM {table} ORDER BY id"))
        return [tuple(row[name] for name in row.keys() if name != "stored_at") for row in rows]  # noqa: SIM118  sqlite3.Row


tables, ids = st.sampled_from(tuple(COLUMNS)), st.sampled_from(("a", "b"))
record_damages = st.one_of(
    st.sampled_from(
        [
            (change_record, table, column, value)
            for table, columns in COLUMNS.items()
            for column, values in columns.items()
            for value in values
        ]
    ).flatmap(lambda damage: ids.map(lambda id_: (*damage, id_))),
    st.tuples(st.just(delete_record), tables, ids),
    st.tuples(st.just(remove_record), tables, ids),
)


@laws
@given(histories, st.lists(record_damages, min_size=1, max_size=3))
def test_repair_finds_damaged_records_and_restores_them_from_their_history(
    file_ledgers: FileLedgers, history: list[HistoryItem], damages: list[Values]
) -> None:
    with file_ledgers.empty() as ledger:
        ledger.ingest(history)
        expected, totals, summary = read_records(ledger), ledger.totals(), ledger.summary(*EVERYTHING)
        with ledger.open_file() as connection:
            for damage, *arguments in damages:
                damage(connection, *arguments)
        assume(read_records(ledger) != expected)
        assert ledger.verify() != []
        ledger.verify(repair=True)
        assert read_records(ledger) == expected
        assert ledger.totals() == totals
        assert ledger.summary(*EVERYTHING) == summary
        assert ledger.verify() == []
