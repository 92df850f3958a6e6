"""Two weeks of real calls, sent over HTTP as the example makes them, give the figures that the table itself gives.

The table is not part of this checkout: TALKMETER_REAL_CALLS names it.
"""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from tests.acceptance.bank_figures import BankCall, read_calls, summary_of, written
from tests.servers import running_server

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples" / "bank_calls.py"
REAL_CALLS = Path(
    os.environ.get("TALKMETER_REAL_CALLS") or CHECKOUT.parent / "shared/data/bank-calls-1999-02-01-to-14.tsv"
)
BATCH = 1_000
WINDOWS = 200
FEBRUARY = datetime(1999, 2, 1, tzinfo=UTC)
MARCH = datetime(1999, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not REAL_CALLS.exists(),
    reason=f"{REAL_CALLS} is absent: set TALKMETER_REAL_CALLS to the table of the bank's calls.",
)


class Bank(NamedTuple):
    """A server that was sent all calls twice, what it answered, and the calls as the table has them."""

    client: httpx.Client
    calls: list[BankCall]
    first_receipts: list[dict[str, Any]]
    second_receipts: list[dict[str, Any]]
    after_first: dict[str, Any]

    def summary(self, from_: str, to: str) -> dict[str, Any]:
        return read_summary(self.client, from_, to)


def read_summary(client: httpx.Client, from_: str, to: str) -> dict[str, Any]:
    """The answer with its numbers as they are written: integers, and decimals that no float has touched."""
    answer = client.get("/admin/usage/summary", params={"from": from_, "to": to})
    assert answer.status_code == 200, answer.text
    summary: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
    return summary


def batches(events: list[dict[str, object]]) -> Iterator[bytes]:
    for begin in range(0, len(events), BATCH):
        yield json.dumps(events[begin : begin + BATCH]).encode()


def send(client: httpx.Client, body: bytes, **headers: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/cloudevents-batch+json", **headers}
    answer = client.post("/metering/events", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    made = subprocess.run([sys.executable, EXAMPLE, REAL_CALLS], capture_output=True, check=True, text=True)
    events = [json.loads(line) for line in made.stdout.splitlines()]
    shuffled = list(events)
    Random(1999).shuffle(shuffled)
    with running_server(tmp_path_factory.mktemp("bank")) as server:
        server.cli("orgs", "add", "bank")
        key = server.cli("keys", "add", "--org", "bank", "--role", "admin")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
            first = [send(client, body) for body in batches(events)]
            after_first = read_summary(client, "1999-02-01", "1999-03-01")
            packed = {"Content-Encoding": "gzip"}
            second = [send(client, gzip.compress(body), **packed) for body in batches(shuffled)]
            yield Bank(client, read_calls(REAL_CALLS), first, second, after_first)


def assert_says_what_the_table_says(bank: Bank, said: dict[str, Any], start: datetime, end: datetime) -> None:
    last_event_at = said.pop("last_event_at")
    assert datetime.fromisoformat(last_event_at).tzinfo == UTC
    assert said == summary_of(bank.calls, start, end)


def sums(receipts: list[dict[str, Any]]) -> dict[str, int]:
    bins = ("accepted", "duplicate", "conflicting", "stale")
    counted = {name: sum(receipt[name] for receipt in receipts) for name in bins}
    return {**counted, "quarantined": sum(len(receipt["quarantined"]) for receipt in receipts)}


def random_windows() -> list[tuple[datetime, datetime]]:
    """Windows to the second: inside one day, ragged over several, up to a month, and some beside the calls."""
    random = Random(1402)
    longest_days = (1, 1, 6, 31)
    windows = []
    for turn in range(WINDOWS):
        start = datetime(1999, 1, 28, tzinfo=UTC) + timedelta(seconds=random.randrange(22 * 86_400))
        length = timedelta(seconds=random.randint(1, longest_days[turn % 4] * 86_400))
        if turn % 4 == 0:
            length = min(length, start.replace(hour=0, minute=0, second=0) + timedelta(days=1) - start)
        windows.append((start, start + length))
    return windows


def test_the_table_is_read_as_its_readme_says(bank: Bank) -> None:
    assert Counter(call.outcome for call in bank.calls) == {"AGENT": 14_405, "HANG": 2_908, "PHANTOM": 143}
    assert len({call.line for call in bank.calls}) == 27
    assert len({call.server for call in bank.calls}) == 25
    assert sum(call.outcome == "AGENT" and call.served_sec == 0 for call in bank.calls) == 41
    assert sum(call.outcome != "AGENT" and call.served_sec > 0 for call in bank.calls) == 193


def test_the_first_time_every_call_is_accepted(bank: Bank) -> None:
    assert sums(bank.first_receipts) == {
        "accepted": len(bank.calls),
        "duplicate": 0,
        "conflicting": 0,
        "stale": 0,
        "quarantined": 0,
    }


def test_the_second_time_in_another_order_and_compressed_every_call_is_a_duplicate(bank: Bank) -> None:
    assert sums(bank.second_receipts) == {
        "accepted": 0,
        "duplicate": len(bank.calls),
        "conflicting": 0,
        "stale": 0,
        "quarantined": 0,
    }


def test_the_second_time_changes_no_figure(bank: Bank) -> None:
    assert bank.summary("1999-02-01", "1999-03-01") == bank.after_first


def test_february_says_what_the_table_says(bank: Bank) -> None:
    assert_says_what_the_table_says(bank, bank.summary("1999-02-01", "1999-03-01"), FEBRUARY, MARCH)


def test_each_day_of_february_says_what_the_table_says(bank: Bank) -> None:
    for number in range(28):
        start, end = FEBRUARY + timedelta(days=number), FEBRUARY + timedelta(days=number + 1)
        said = bank.summary(start.date().isoformat(), end.date().isoformat())
        assert_says_what_the_table_says(bank, said, start, end)


def test_two_hundred_windows_to_the_second_say_what_the_table_says(bank: Bank) -> None:
    for start, end in random_windows():
        assert_says_what_the_table_says(bank, bank.summary(written(start), written(end)), start, end)


def test_the_windows_lie_inside_a_day_over_several_days_and_beside_the_calls(bank: Bank) -> None:
    windows = random_windows()
    days = [(end - timedelta(seconds=1)).date().toordinal() - start.date().toordinal() + 1 for start, end in windows]
    first, last = min(call.entered for call in bank.calls), max(call.entered for call in bank.calls)
    assert len(windows) == WINDOWS
    assert days.count(1) >= WINDOWS / 4
    assert sum(2 <= day <= 7 for day in days) >= WINDOWS / 4
    assert max(days) > 25
    assert any(end <= first or last < start for start, end in windows)
    assert any(start < first < end or start <= last < end for start, end in windows)
