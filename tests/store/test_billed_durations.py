"""Billed durations of an existing ledger: an older version's totals are filled while servers read and write."""

import signal
import subprocess
import sys
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen

from talkmeter.db.engine import reading, writing
from talkmeter.db.meta import BILLED_DURATIONS, write_meta
from talkmeter.db.schema import NEWEST
from talkmeter.ledger.billed_durations import FillProgress, billed_durations_filled, fill_billed_durations
from talkmeter.ledger.retention import expire
from talkmeter.period import read_day
from tests import local_http
from tests.events import Json, conversation, event, run
from tests.postgres import engine_for
from tests.servers import environment_for, run_cli, running_server, wait_until
from tests.store.ledger import ORG, Ledger

WINDOW = {"from": "2026-03-01", "to": "2026-04-01"}
BILLED = "billed_1_1_sec, billed_6_6_sec, billed_30_6_sec, billed_60_60_sec"
UNFILL = "UPDATE usage_daily SET billed_1_1_sec = NULL, billed_6_6_sec = NULL, billed_30_6_sec = NULL, "


def call(number: int, **fields: object) -> Json:
    """Return a call on one of the first 20 days of March, of one of three agents, with a broken duration."""
    return conversation(
        f"call-{number}",
        **{
            "created_at": f"2026-03-{1 + number % 20:02}T11:00:00Z",
            "agent_id": f"agent-{number % 3}",
            "duration": number % 90 + 0.5,
            **fields,
        },
    )


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    """A ledger on each engine in its own database, because these tests change `meta`."""
    ledger = Ledger(address)
    yield ledger
    ledger.close()


def forget(ledger: Ledger) -> None:
    """Make the ledger one that an older version has written."""
    for org_id in {str(row[0]) for row in ledger.rows("SELECT org_id FROM organization")}:
        ledger.execute(f"{UNFILL} billed_60_60_sec = NULL WHERE org_id = :org", org=org_id)
    with writing(ledger.engine) as connection:
        write_meta(connection, BILLED_DURATIONS, "unfilled")


def billed(ledger: Ledger, org_id: str = ORG) -> list[tuple[object, ...]]:
    """Return the billed durations of all totals that have any."""
    rows = ledger.rows(f"SELECT dimension, day, value, {BILLED} FROM usage_daily WHERE org_id = :org", org=org_id)
    return sorted(row for row in rows if any(amount is None or amount for amount in row[3:]))


def is_filled(ledger: Ledger) -> bool:
    with reading(ledger.engine) as connection:
        return billed_durations_filled(connection)


def fill(ledger: Ledger) -> list[FillProgress]:
    return list(fill_billed_durations(ledger.engine))


def test_new_ledger_is_filled_at_once(ledger: Ledger) -> None:
    assert is_filled(ledger)
    assert fill(ledger) == []


def test_filled_totals_equal_those_of_a_ledger_that_always_had_them(ledger: Ledger) -> None:
    ledger.send(*map(call, range(200)), run(), conversation("chat", channel="text"))
    ledger.send(*map(call, range(40)), org_id="other")
    correction = call(3, duration=600) | {"time": "2026-03-02T12:00:00Z"}
    ledger.send(correction, event("conversation.deleted", {"id": "call-4"}))
    expected = billed(ledger), billed(ledger, "other")
    changed_at = ledger.rows("SELECT org_id, day, changed_at FROM usage_daily WHERE dimension = 'total' ORDER BY 1, 2")
    forget(ledger)

    assert not is_filled(ledger)
    *_, last = fill(ledger)

    assert last == FillProgress(2, 2)
    assert is_filled(ledger)
    assert (billed(ledger), billed(ledger, "other")) == expected
    assert ledger.verify() == ledger.verify("other") == []
    assert changed_at == ledger.rows(
        "SELECT org_id, day, changed_at FROM usage_daily WHERE dimension = 'total' ORDER BY 1, 2"
    )


def test_unfilled_totals_are_not_reported_and_a_repair_fills_its_day(ledger: Ledger) -> None:
    ledger.send(*map(call, range(60)), call(100, agent_id="gone"))
    ledger.send(event("conversation.deleted", {"id": "call-100"}))
    expected = billed(ledger)
    forget(ledger)
    assert ledger.verify() == []
    ledger.damage("UPDATE usage_daily SET calls = 9 WHERE dimension = 'channel' AND day = 20513")

    assert ledger.verify() == ["2026-03-01 channel 'telephone': calls is 9, the records say 3."]
    assert len(ledger.verify(repair=True)) == 1

    first_day = [row for row in expected if row[1] == 20_513]
    assert [row for row in billed(ledger) if row[1] == 20_513] == first_day
    list(fill_billed_durations(ledger.engine))
    assert billed(ledger) == expected
    assert ledger.verify() == []


def test_wrong_and_missing_billed_durations_are_reported_and_repaired(ledger: Ledger) -> None:
    ledger.send(call(1), call(2))
    expected = billed(ledger)
    ledger.damage("UPDATE usage_daily SET billed_30_6_sec = 7 WHERE dimension = 'agent' AND value = 'agent-1'")
    ledger.damage(f"{UNFILL} billed_60_60_sec = NULL WHERE dimension = 'agent' AND value = 'agent-2'")
    sentences = [
        "2026-03-02 agent 'agent-1': billed_30_6_sec is 7, the records say 30.",
        "2026-03-03 agent 'agent-2': the daily total is damaged.",
    ]

    assert ledger.verify(repair=True) == sentences
    assert ledger.verify() == []
    assert billed(ledger) == expected


def test_write_to_an_unfilled_day_leaves_only_its_new_totals_filled(ledger: Ledger) -> None:
    ledger.send(call(1))
    forget(ledger)
    ledger.send(call(21, agent_id="new", duration=61))

    by_agent = {row[2]: row[3:] for row in billed(ledger) if row[0] == "agent"}
    assert by_agent == {"agent-1": (None, None, None, None), "new": (61, 66, 66, 120)}
    list(fill_billed_durations(ledger.engine))
    by_agent = {row[2]: row[3:] for row in billed(ledger) if row[0] == "agent"}
    assert by_agent == {"agent-1": (2, 6, 30, 60), "new": (61, 66, 66, 120)}
    assert ledger.verify() == []


FILL_AND_PRINT = """
import sys
from talkmeter.db.engine import open_engine
from talkmeter.ledger.billed_durations import fill_billed_durations

for progress in fill_billed_durations(open_engine(sys.argv[1])):
    print(progress, flush=True)
"""


def test_fill_that_was_killed_continues_where_it_stopped(ledger: Ledger) -> None:
    # More days than one step fills.
    days = [(date(2025, 1, 1) + timedelta(number)).isoformat() for number in range(250)]
    ledger.send(*(call(number, created_at=f"{day}T12:00:00Z") for number, day in enumerate(days)))
    expected = billed(ledger)
    forget(ledger)
    with subprocess.Popen([sys.executable, "-c", FILL_AND_PRINT, ledger.url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)

    assert len([row for row in billed(ledger) if row[0] == "total" and row[3] is not None]) >= 100
    assert ledger.verify() == []
    list(fill_billed_durations(ledger.engine))
    assert is_filled(ledger)
    assert billed(ledger) == expected


@contextmanager
def engine_that_writes_before(ledger: Ledger, transactions: Container[int], *events: Json) -> Iterator[Engine]:
    """Yield an engine that lets the ledger write one of the events before each transaction with one of the numbers."""
    with engine_for(ledger.url) as engine:
        numbers, remaining = count(1), iter(events)

        def write(*_: object) -> None:
            if next(numbers) in transactions:
                ledger.send(next(remaining))

        listen(engine, "checkout", write)
        yield engine


def test_day_that_changes_after_it_was_counted_is_counted_again(ledger: Ledger) -> None:
    """Transactions 3, 5 and 7 would write what 2, 4 and 6 have counted; then the day is counted under the lock."""
    ledger.send(call(1), call(2))
    forget(ledger)
    deletion = event("conversation.deleted", {"id": "call-21"})
    changes = [call(1, duration=61, agent_id="new"), call(21, duration=0.5), deletion]
    later = [{**change, "time": f"2026-03-05T0{hour}:00:00Z"} for hour, change in enumerate(changes)]
    with engine_that_writes_before(ledger, {3, 5, 7}, *later) as engine:
        steps = list(fill_billed_durations(engine))

    assert len(steps) == 5
    assert is_filled(ledger)
    assert ledger.verify() == []
    (total,) = [row[3:] for row in billed(ledger) if row[:2] == ("total", 20_514)]
    assert total == (61, 66, 66, 120)


def test_only_the_days_that_changed_are_counted_again(ledger: Ledger) -> None:
    ledger.send(*map(call, range(40)))
    forget(ledger)
    with engine_that_writes_before(ledger, {3}, call(100)) as engine, ledger.executed() as sent:
        steps = list(fill_billed_durations(engine))

    assert sent
    assert len(steps) == 3
    assert is_filled(ledger)
    assert ledger.verify() == []


def test_server_fills_an_existing_ledger_while_it_is_written(address: str, tmp_path: Path) -> None:
    ledger = Ledger(address)
    ledger.send(*map(call, range(2_000)))
    forget(ledger)
    with running_server(tmp_path, database_url=address) as server, local_http.client() as client:
        headers = {"Authorization": f"Bearer {server.key(ORG)}"}
        numbers = count(1_000)

        def is_filled_after_a_write() -> bool:
            number = next(numbers)
            sent = client.post(f"{server.url}/metering/events", json=[call(number, duration=61)], headers=headers)
            assert sent.status_code == 200, sent.text
            summary = client.get(f"{server.url}/admin/usage/summary", params=WINDOW, headers=headers)
            assert summary.json()["total_calls"] == max(2_000, number + 1)
            return is_filled(ledger)

        wait_until(is_filled_after_a_write)

    assert ledger.verify() == []
    assert all(None not in row for row in billed(ledger))
    ledger.close()


def test_migrate_fills_on_request_and_two_processes_can_fill_at_once(ledger: Ledger, tmp_path: Path) -> None:
    for number in range(20):
        ledger.send(*map(call, range(30)), org_id=f"org-{number}")
    expected = [billed(ledger, f"org-{number}") for number in range(20)]
    forget(ledger)
    environment = environment_for(tmp_path, {"database_url": ledger.url})
    already = f"The database was already at schema version {NEWEST}."
    told = run_cli(tmp_path, environment, "migrate")
    assert not is_filled(ledger)
    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(lambda _: run_cli(tmp_path, environment, "migrate", "--fill"), range(2)))

    assert told.splitlines()[0] == already
    assert "'talkmeter migrate --fill'" in told
    assert outputs == [already] * 2
    assert is_filled(ledger)
    assert [billed(ledger, f"org-{number}") for number in range(20)] == expected
    assert [ledger.verify(f"org-{number}") for number in range(20)] == [[]] * 20


def test_copy_of_an_unfilled_ledger_is_unfilled(ledger: Ledger, tmp_path: Path) -> None:
    ledger.send(*map(call, range(20)))
    expected = billed(ledger)
    forget(ledger)
    target = f"sqlite:///{tmp_path / 'target.db'}"
    run_cli(tmp_path, environment_for(tmp_path, {}), "copy", "--from", ledger.url, "--to", target)

    copied = Ledger(target)
    assert not is_filled(copied)
    fill(copied)
    assert billed(copied) == expected
    copied.close()


def test_records_are_not_deleted_because_of_their_age_before_their_days_are_filled(ledger: Ledger) -> None:
    ledger.send(call(1), call(2))
    forget(ledger)
    before = read_day("before", "2026-04-01")

    list(expire(ledger.engine, before))
    assert ledger.rows("SELECT count(*) FROM conversation WHERE status IS NOT NULL") == [(2,)]

    list(fill_billed_durations(ledger.engine))
    list(expire(ledger.engine, before))
    assert ledger.rows("SELECT count(*) FROM conversation WHERE status IS NOT NULL") == [(0,)]
    assert ledger.rows("SELECT sum(billed_60_60_sec) FROM usage_daily WHERE dimension = 'total'") == [(120,)]
