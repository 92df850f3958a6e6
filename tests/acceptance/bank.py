"""A server that has ingested the bank's calls, and the requests that the tests send to it."""

import csv
import gzip
import json
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

from tests import local_http
from tests.acceptance.bank_figures import BankCall, BreakdownCase, read_calls
from tests.servers import Server, running_server

Json = dict[str, Any]
CHECKOUT = Path(__file__).resolve().parents[2]
MAP = CHECKOUT / "examples" / "bank-calls.toml"
EXAMPLE = CHECKOUT / "examples" / "bank_calls.py"
TABLE = Path(__file__).with_name("data") / "bank-calls-1999-02-01-to-14.tsv.gz"
"""Its source and its columns are described in data/README.md."""
BATCH = 1_000
FEBRUARY = datetime(1999, 2, 1, tzinfo=UTC)
MARCH = datetime(1999, 3, 1, tzinfo=UTC)


class Bank(NamedTuple):
    """A server that received all calls three times, the output and receipts of each time, and the calls themselves."""

    server: Server
    client: httpx.Client
    calls: list[BankCall]
    first_output: str
    second_output: str
    receipts: list[Json]
    summary_after_first: Json

    def summary(self, from_: str, to: str) -> Json:
        return get_usage(self.client, "summary", {"from": from_, "to": to})

    def breakdown(self, from_: str, to: str, split: BreakdownCase) -> Json:
        query = {"from": from_, "to": to, "by": split.by, "order": split.order, "limit": str(split.limit)}
        series = {"interval": "day"} if split.daily else {}
        comparison = {"compare": "previous"} if split.compared else {}
        return get_usage(self.client, "breakdown", {**query, **series, **comparison})

    def pages(self, from_: str, to: str, limit: int, **filters: str) -> Iterator[Json]:
        """Yield the pages of conversations in a window."""
        query = {"kind": "conversation", "from": from_, "to": to, "limit": str(limit), **filters}
        cursor: dict[str, str] = {}
        while True:
            page = get_usage(self.client, "records", {**query, **cursor})
            yield page
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def exported(self, from_: str, to: str, **filters: str) -> list[dict[str, str]]:
        """Return the rows of a CSV export."""
        query = {"of": "records", "from": from_, "to": to, **filters}
        response = self.client.get("/admin/usage/export", params=query)
        assert response.status_code == 200, response.text
        return list(csv.DictReader(StringIO(response.content.decode("utf-8-sig"), newline="")))


def get_usage(client: httpx.Client, endpoint: str, query: dict[str, str]) -> Json:
    """Return the JSON of a usage endpoint, with decimals parsed as Decimal: a float could hide a wrong digit."""
    response = client.get(f"/admin/usage/{endpoint}", params=query)
    assert response.status_code == 200, response.text
    body: Json = json.loads(response.text, parse_float=Decimal)
    return body


def batches(events: list[dict[str, object]]) -> Iterator[bytes]:
    for begin in range(0, len(events), BATCH):
        yield json.dumps(events[begin : begin + BATCH]).encode()


def send(client: httpx.Client, body: bytes, **headers: str) -> Json:
    headers = {"Content-Type": "application/cloudevents-batch+json", **headers}
    response = client.post("/metering/events", content=body, headers=headers)
    assert response.status_code == 200, response.text
    receipt: Json = response.json()
    return receipt


@contextmanager
def running_bank(folder: Path) -> Iterator[Bank]:
    """Run a server that gets every call three times: by the shipped map, by the map again, and as CloudEvents."""
    table = folder / "bank-calls.tsv"
    table.write_bytes(gzip.decompress(TABLE.read_bytes()))
    with running_server(folder) as server:
        server.cli("orgs", "add", "bank")
        key = server.cli("keys", "add", "--org", "bank", "--role", "admin")
        ingest = ("ingest", "--map", str(MAP), "--org", "bank", str(table))
        headers = {"Authorization": f"Bearer {key}"}
        with local_http.client(base_url=server.url, headers=headers, timeout=60) as client:
            first_output = server.cli(*ingest)
            summary_after_first = get_usage(client, "summary", {"from": "1999-02-01", "to": "1999-03-01"})
            second_output = server.cli(*ingest)
            encoding = {"Content-Encoding": "gzip"}
            receipts = [send(client, gzip.compress(body), **encoding) for body in batches(shuffled_events(table))]
            yield Bank(server, client, read_calls(table), first_output, second_output, receipts, summary_after_first)


def shuffled_events(table: Path) -> list[dict[str, object]]:
    """Return the events that the example script makes of the table, shuffled. The script does not use the map."""
    output = subprocess.run([sys.executable, EXAMPLE, table], capture_output=True, check=True, text=True).stdout
    events = [json.loads(line) for line in output.splitlines()]
    Random(1999).shuffle(events)
    return events


def random_windows(seed: int, number: int) -> list[tuple[datetime, datetime]]:
    """Return windows to the second: within one day, over several days, up to a month; some miss the calls."""
    random = Random(seed)
    max_days = (1, 1, 6, 31)
    windows = []
    for turn in range(number):
        start = datetime(1999, 1, 28, tzinfo=UTC) + timedelta(seconds=random.randrange(22 * 86_400))
        length = timedelta(seconds=random.randint(1, max_days[turn % 4] * 86_400))
        if turn % 4 == 0:
            length = min(length, start.replace(hour=0, minute=0, second=0) + timedelta(days=1) - start)
        windows.append((start, start + length))
    return windows
