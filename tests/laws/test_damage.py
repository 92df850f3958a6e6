"""A ledger that was damaged behind its back: verify finds it, and a repair mends it row for row."""

import sqlite3
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.laws.histories import EVERYTHING, histories, laws
from tests.laws.ledgers import FileLedgers, Ledger
from tests.laws.model import Item
from tests.laws.strategies import CALL_STATUSES, DAYS, FIRST_DAY, ORG
from tests.laws.test_daily_totals import COUNTERS, DIMENSIONS

pytestmark = pytest.mark.timeout(600)

Row = tuple[Any, ...]


def change_total(connection: sqlite3.Connection, place: int, column: int, by: int) -> None:
    key, names = some_total(connection, place)
    name = names[column]
    connection.execute(
        f"UPDATE usage_daily SET {name} = {name} + ? WHERE (dimension, day, value) = (?, ?, ?)", (by, *key)
    )


def remove_total(connection: sqlite3.Connection, place: int) -> None:
    key, _ = some_total(connection, place)
    connection.execute("DELETE FROM usage_daily WHERE (dimension, day, value) = (?, ?, ?)", key)


def put_total(connection: sqlite3.Connection, key: Row, counters: list[int]) -> None:
    marks = ", ".join("?" * (4 + COUNTERS))
    connection.execute(f"INSERT OR REPLACE INTO usage_daily VALUES ({marks}, NULL)", (ORG, *key, *counters))


def some_total(connection: sqlite3.Connection, place: int) -> tuple[Row, list[str]]:
    """The key of a daily total, and the names of the counters."""
    rows = connection.execute("SELECT * FROM usage_daily ORDER BY dimension, day, value")
    names = [column[0] for column in rows.description]
    all_ = rows.fetchall()
    return (all_[place % len(all_)][1:4] if all_ else ("", 0, "")), names[4:-1]


places, amounts = st.integers(0, 99), st.integers(-2, 3_000)
days = st.integers(FIRST_DAY - 1, FIRST_DAY + DAYS) | st.integers(0, 47_481)
keys = st.tuples(st.sampled_from(DIMENSIONS), days, st.sampled_from(("", "a", "telephone", "never")))
damages_of_totals = st.one_of(
    st.tuples(st.just(change_total), places, st.integers(0, COUNTERS - 1), amounts),
    st.tuples(st.just(remove_total), places),
    st.tuples(st.just(put_total), keys, st.lists(amounts, min_size=COUNTERS, max_size=COUNTERS)),
)


@laws
@given(histories, st.lists(damages_of_totals, min_size=1, max_size=4))
def test_damaged_daily_totals_are_found_and_mended_row_for_row(
    file_ledgers: FileLedgers, history: list[Item], damages: list[Row]
) -> None:
    with file_ledgers.empty() as ledger:
        ledger.tell(history)
        sound, summary = ledger.totals(), ledger.summary(*EVERYTHING)
        with ledger.plain() as connection:
            for damage, *arguments in damages:
                damage(connection, *arguments)
        damaged = ledger.totals()
        assume(damaged != sound)
        wrong = [key for key in damaged.keys() | sound.keys() if damaged.get(key) != sound.get(key)]
        found = ledger.verify()
        assert len(found) == len(wrong)
        assert ledger.verify(repair=True) == found
        assert ledger.totals() == sound
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


def void_record(connection: sqlite3.Connection, table: str, id_: str) -> None:
    nulls = ", ".join(f"{column} = NULL" for column in COLUMNS[table])
    connection.execute(f"UPDATE {table} SET deleted = 1, {nulls} WHERE id = ?", (id_,))


def remove_record(connection: sqlite3.Connection, table: str, id_: str) -> None:
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,))


def records_of(ledger: Ledger) -> list[Row]:
    """Every winning state as it stands in the file, but for when it was stored."""
    with ledger.plain() as connection:
        connection.row_factory = sqlite3.Row
        rows = (row for table in COLUMNS for row in connection.execute(f"SELECT * FROM {table} ORDER BY id"))
        return [tuple(row[name] for name in row.keys() if name != "stored_at") for row in rows]  # noqa: SIM118  sqlite3.Row


a_table, an_id = st.sampled_from(tuple(COLUMNS)), st.sampled_from(("a", "b"))
damages_of_records = st.one_of(
    st.sampled_from(
        [
            (change_record, table, column, value)
            for table, columns in COLUMNS.items()
            for column, values in columns.items()
            for value in values
        ]
    ).flatmap(lambda damage: an_id.map(lambda id_: (*damage, id_))),
    st.tuples(st.just(void_record), a_table, an_id),
    st.tuples(st.just(remove_record), a_table, an_id),
)


@laws
@given(histories, st.lists(damages_of_records, min_size=1, max_size=3))
def test_damaged_records_are_found_and_mended_from_their_history(
    file_ledgers: FileLedgers, history: list[Item], damages: list[Row]
) -> None:
    with file_ledgers.empty() as ledger:
        ledger.tell(history)
        sound, totals, summary = records_of(ledger), ledger.totals(), ledger.summary(*EVERYTHING)
        with ledger.plain() as connection:
            for damage, *arguments in damages:
                damage(connection, *arguments)
        assume(records_of(ledger) != sound)
        assert ledger.verify() != []
        ledger.verify(repair=True)
        assert records_of(ledger) == sound
        assert ledger.totals() == totals
        assert ledger.summary(*EVERYTHING) == summary
        assert ledger.verify() == []
