"""A server whose ledger has the bank's calls, read by the shipped map, and the questions that tests ask it.

The table is not part of this checkout: TALKMETER_REAL_CALLS names it.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from tests.acceptance.bank_figures import BankCall, Split, read_calls
from tests.servers import running_server

Answer = dict[str, Any]
CHECKOUT = Path(__file__).resolve().parents[2]
MAP = CHECKOUT / "examples" / "bank-calls.toml"
EXAMPLE = CHECKOUT / "examples" / "bank_calls.py"
REAL_CALLS = Path(
    os.environ.get("TALKMETER_REAL_CALLS") or CHECKOUT.parent / "shared/data/bank-calls-1999-02-01-to-14.tsv"
)
BATCH = 1_000
FEBRUARY = datetime(1999, 2, 1, tzinfo=UTC)
MARCH = datetime(1999, 3, 1, tzinfo=UTC)

needs_the_table = pytest.mark.skipif(
    not REAL_CALLS.exists(),
    reason=f"{REAL_CALLS} is absent: set TALKMETER_REAL_CALLS to the table of the bank's calls.",
)


class Bank(NamedTuple):
    """A server whose ledger was given all calls three times, what was said, and the calls as the table has them."""

    client: httpx.Client
    calls: list[BankCall]
    first: str
    again: str
    receipts: list[Answer]
    after_first: Answer

    def summary(self, from_: str, to: str) -> Answer:
        return ask(self.client, "summary", {"from": from_, "to": to})

    def breakdown(self, from_: str, to: str, split: Split) -> Answer:
        asked = {"by": split.by, "order": split.order, "limit": str(split.limit)}
        series = {"interval": "day"} if split.daily else {}
        compared = {"compare": "previous"} if split.compared else {}
        return ask(self.client, "breakdown", {"from": from_, "to": to, **asked, **series, **compared})

    def pages(self, from_: str, to: str, limit: int, **wanted: str) -> Iterator[Answer]:
        """The pages of the conversations of a window."""
        query = {"kind": "conversation", "from": from_, "to": to, "limit": str(limit), **wanted}
        cursor: dict[str, str] = {}
        while True:
            page = ask(self.client, "records", {**query, **cursor})
            yield page
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def exported(self, from_: str, to: str, **wanted: str) -> list[dict[str, str]]:
        """The rows of an export as CSV."""
        query = {"of": "records", "from": from_, "to": to, **wanted}
        answer = self.client.get("/admin/usage/export", params=query)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"), newline="")))


def ask(client: httpx.Client, question: str, query: dict[str, str]) -> Answer:
    """The answer with its numbers as they are written: integers, and decimals that no float has touched."""
    answer = client.get(f"/admin/usage/{question}", params=query)
    assert answer.status_code == 200, answer.text
    said: Answer = json.loads(answer.text, parse_float=Decimal)
    return said


def batches(events: list[dict[str, object]]) -> Iterator[bytes]:
    for begin in range(0, len(events), BATCH):
        yield json.dumps(events[begin : begin + BATCH]).encode()


def send(client: httpx.Client, body: bytes, **headers: str) -> Answer:
    headers = {"Content-Type": "application/cloudevents-batch+json", **headers}
    answer = client.post("/metering/events", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    receipt: Answer = answer.json()
    return receipt


@contextmanager
def running_bank(folder: Path) -> Iterator[Bank]:
    """A server in a folder; the table was ingested by the map, again, and sent as the example makes events of it."""
    with running_server(folder) as server:
        server.cli("orgs", "add", "bank")
        key = server.cli("keys", "add", "--org", "bank", "--role", "admin")
        ingest = ("ingest", "--map", str(MAP), "--org", "bank", str(REAL_CALLS))
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
            first = server.cli(*ingest)
            after_first = ask(client, "summary", {"from": "1999-02-01", "to": "1999-03-01"})
            again = server.cli(*ingest)
            packed = {"Content-Encoding": "gzip"}
            receipts = [send(client, gzip.compress(body), **packed) for body in batches(shuffled_events())]
            yield Bank(client, read_calls(REAL_CALLS), first, again, receipts, after_first)


def shuffled_events() -> list[dict[str, object]]:
    """The events that the example makes of the table, in another order: another reading of it than the map's."""
    made = subprocess.run([sys.executable, EXAMPLE, REAL_CALLS], capture_output=True, check=True, text=True)
    events = [json.loads(line) for line in made.stdout.splitlines()]
    Random(1999).shuffle(events)
    return events


def random_windows(seed: int, number: int) -> list[tuple[datetime, datetime]]:
    """Windows to the second: inside one day, ragged over several, up to a month, and some beside the calls."""
    random = Random(seed)
    longest_days = (1, 1, 6, 31)
    windows = []
    for turn in range(number):
        start = datetime(1999, 1, 28, tzinfo=UTC) + timedelta(seconds=random.randrange(22 * 86_400))
        length = timedelta(seconds=random.randint(1, longest_days[turn % 4] * 86_400))
        if turn % 4 == 0:
            length = min(length, start.replace(hour=0, minute=0, second=0) + timedelta(days=1) - start)
        windows.append((start, start + length))
    return windows
