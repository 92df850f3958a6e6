"""Read exports: files of all formats become the same rows, with the types of JSON."""

import csv
import json
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from typing import Any

import httpx
import pyarrow.parquet as pq

from talkmeter.period import format_instant, microseconds
from tests.api.organizations import Answer, OrganizationClient
from tests.api.queries import USAGE, Query

EXPORT = f"{USAGE}/export"
BOM = b"\xef\xbb\xbf"


def export(org: OrganizationClient, query: Query) -> httpx.Response:
    """Request an export and return the response with the file."""
    answer = org.client.get(EXPORT, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file, with strings as cells."""
    assert content.startswith(BOM)
    return list(csv.DictReader(StringIO(content[len(BOM) :].decode(), newline=""), strict=True))


def json_rows(content: bytes) -> list[Answer]:
    """Return the rows of a JSON Lines file."""
    assert not content or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def parquet_rows(content: bytes) -> list[Answer]:
    """Return the rows of a Parquet file, with instants and days formatted like those of the API."""
    rows: list[Answer] = pq.read_table(BytesIO(content)).to_pylist()
    return [{name: _json_value(cell) for name, cell in row.items()} for row in rows]


def _json_value(cell: Any) -> Any:
    match cell:
        case datetime():
            assert cell.utcoffset() == datetime.now(UTC).utcoffset()
            return format_instant(microseconds(cell))
        case date():
            return cell.isoformat()
        case _:
            return cell


def as_csv_rows(rows: list[Answer]) -> list[dict[str, str]]:
    """Return rows with the cells of a CSV file; no text may look like a formula."""
    return [{name: _text(cell) for name, cell in row.items()} for row in rows]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
