"""Exports as tests read them: a file of any format becomes the same rows, typed as JSON types them."""

import csv
import json
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from typing import Any

import httpx
import pyarrow.parquet as pq

from talkmeter.period import format_instant, microseconds
from tests.api.organizations import Answer, Organization
from tests.api.questions import USAGE, Query

EXPORT = f"{USAGE}/export"
BOM = b"\xef\xbb\xbf"


def export(org: Organization, query: Query) -> httpx.Response:
    """Export something; the answer is a file."""
    answer = org.client.get(EXPORT, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file, every cell a text."""
    assert content.startswith(BOM)
    return list(csv.DictReader(StringIO(content[len(BOM) :].decode(), newline=""), strict=True))


def json_rows(content: bytes) -> list[Answer]:
    """The rows of a file of JSON lines."""
    assert not content or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def parquet_rows(content: bytes) -> list[Answer]:
    """The rows of a Parquet file, instants and days written as the API writes them."""
    rows: list[Answer] = pq.read_table(BytesIO(content)).to_pylist()
    return [{name: _written(cell) for name, cell in row.items()} for row in rows]


def _written(cell: Any) -> Any:
    match cell:
        case datetime():
            assert cell.utcoffset() == datetime.now(UTC).utcoffset()
            return format_instant(microseconds(cell))
        case date():
            return cell.isoformat()
        case _:
            return cell


def as_texts(rows: list[Answer]) -> list[dict[str, str]]:
    """Rows as CSV has them, where no text needs a guard."""
    return [{name: _text(cell) for name, cell in row.items()} for row in rows]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
