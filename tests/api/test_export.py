"""Exports of days, records and breakdowns: all formats have the same rows, and they add up to the summary."""

import re

import pytest

from tests.api.exports import BOM, EXPORT, as_csv_rows, csv_rows, export, json_rows, parquet_rows
from tests.api.march_usage import WINDOW
from tests.api.organizations import Answer, OrganizationClient, client_of, make_credential, new_organization
from tests.api.queries import Query, get_answer
from tests.events import conversation, event, run

DAILY: Query = {**WINDOW, "of": "daily"}
CALLS: Query = {**WINDOW, "of": "records"}
RUNS: Query = {**CALLS, "kind": "workflow_execution"}
BY_AGENT: Query = {**WINDOW, "of": "breakdown", "by": "agent"}
EXACT_CALL_COLUMNS = (
    "total_calls",
    "voice_calls",
    "chat_calls",
    "inbound_calls",
    "outbound_calls",
    "timed_calls",
    "live_calls",
    "voice_duration_ms",
    "chat_duration_ms",
)
EXACT_RUN_COLUMNS = ("workflow_runs_total", "workflow_runs_success", "workflow_runs_failed", "live_runs")
MINUTES = ("voice_minutes_rounded", "chat_minutes_rounded")
EVENT = ("event_source", "event_id", "event_time", "event_sequence", "stored_at")
CALL_FIELDS = ("id", "created_at", "status", "channel", "direction", "modality", "agent_id", "agent_number")
COLUMNS: dict[str, tuple[Query, tuple[str, ...]]] = {
    "days": (DAILY, ("day", "state", "changed_at", *EXACT_CALL_COLUMNS, *EXACT_RUN_COLUMNS, *MINUTES)),
    "conversations": (
        CALLS,
        (*CALL_FIELDS, "web_widget_id", "duration_ms", "live", "stale", *EXACT_CALL_COLUMNS, *EVENT),
    ),
    "runs": (RUNS, ("id", "created_at", "status", "workflow_id", "live", *EXACT_RUN_COLUMNS, *EVENT)),
    "agents": (BY_AGENT, ("agent", "name", *EXACT_CALL_COLUMNS, *MINUTES, "avg_call_duration_sec_rounded")),
    "statuses of runs": ({**BY_AGENT, "by": "run_status"}, ("run_status", "name", *EXACT_RUN_COLUMNS)),
}
DIMENSIONS = ("agent", "number", "widget", "channel", "modality", "direction", "status", "workflow", "run_status")
QUERIES: dict[str, Query] = {
    "days": DAILY,
    "partial days": {**DAILY, "from": "2026-03-03T11:59:00.000001Z", "to": "2026-03-10T11:59:00Z"},
    "conversations": CALLS,
    "conversations of a filter": {**CALLS, "agent": "agent-1", "has_duration": "true"},
    "conversations of no agent on a day": {**CALLS, "agent": "", "day": "2026-03-05"},
    "no conversation at all": {**CALLS, "channel": "text"},
    "runs": RUNS,
    "live runs": {**RUNS, "live": "true"},
    **{f"values of {by}": {**BY_AGENT, "by": by} for by in DIMENSIONS},
    "agents in order of chat": {**BY_AGENT, "order": "chat"},
}


def rows_of(org: OrganizationClient, query: Query) -> list[Answer]:
    return json_rows(export(org, {**query, "format": "jsonl"}).content)


@pytest.mark.parametrize(("query", "columns"), COLUMNS.values(), ids=COLUMNS)
def test_file_has_the_documented_columns_in_order(
    known: OrganizationClient, query: Query, columns: tuple[str, ...]
) -> None:
    header, *_ = export(known, query).content.removeprefix(BOM).decode().split("\r\n")
    assert header.split(",") == list(columns)
    assert all(tuple(row) == columns for row in rows_of(known, query))
    assert tuple(parquet_rows(export(known, {**query, "format": "parquet"}).content)[0]) == columns


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_all_formats_have_the_same_rows(known: OrganizationClient, query: Query) -> None:
    rows = rows_of(known, query)
    assert csv_rows(export(known, query).content) == as_csv_rows(rows)
    assert parquet_rows(export(known, {**query, "format": "parquet"}).content) == rows


def test_daily_export_equals_the_summary_days(known: OrganizationClient) -> None:
    summary = known.summary(WINDOW["from"], WINDOW["to"])
    rows = rows_of(known, DAILY)
    assert [
        {
            "day": row["day"],
            "calls": row["total_calls"],
            "voice_minutes": row["voice_minutes_rounded"],
            "chat_minutes": row["chat_minutes_rounded"],
            "workflow_runs": row["workflow_runs_total"],
            **{
                name: row[name] for name in ("voice_duration_ms", "chat_duration_ms", "inbound_calls", "outbound_calls")
            },
            **{name: row[name] for name in ("workflow_runs_success", "workflow_runs_failed")},
            "state": row["state"],
            "changed_at": row["changed_at"],
        }
        for row in rows
    ] == summary["daily"]
    exact = (*EXACT_CALL_COLUMNS, *EXACT_RUN_COLUMNS)
    assert {name: sum(row[name] for row in rows) for name in exact} == {name: summary[name] for name in exact}


@pytest.mark.parametrize(("query", "kind"), [(CALLS, "conversation"), (RUNS, "workflow_execution")])
def test_record_export_equals_the_record_with_its_contributions(
    known: OrganizationClient, query: Query, kind: str
) -> None:
    records = get_answer(known, "records", {**WINDOW, "kind": kind})["records"]
    exact = EXACT_CALL_COLUMNS if kind == "conversation" else EXACT_RUN_COLUMNS
    rows = rows_of(known, query)
    assert rows == [
        {
            **{name: field for name, field in record.items() if name not in {"adds", "event", "stored_at"}},
            **{name: record["adds"].get(name, 0) for name in exact},
            **{f"event_{name}": field for name, field in record["event"].items()},
            "stored_at": record["stored_at"],
        }
        for record in records
    ]
    summary = known.summary(WINDOW["from"], WINDOW["to"])
    assert {name: sum(row[name] for row in rows) for name in exact} == {name: summary[name] for name in exact}


@pytest.mark.parametrize("by", DIMENSIONS)
def test_breakdown_export_equals_the_answer_and_adds_up_to_the_summary(known: OrganizationClient, by: str) -> None:
    answer_rows = get_answer(known, "breakdown", {**WINDOW, "by": by})["rows"]
    rows = rows_of(known, {**BY_AGENT, "by": by})
    exact = EXACT_RUN_COLUMNS if by in {"workflow", "run_status"} else EXACT_CALL_COLUMNS
    assert [{name.removesuffix("_rounded"): cell for name, cell in row.items()} for row in rows] == [
        {
            by: row["value"],
            **{name: cell for name, cell in row.items() if name not in {"value", "share", "series", "comparison"}},
        }
        for row in answer_rows
    ]
    summary = known.summary(WINDOW["from"], WINDOW["to"])
    assert {name: sum(row[name] for row in rows) for name in exact} == {name: summary[name] for name in exact}


def test_every_value_is_exported(org: OrganizationClient) -> None:
    org.send(*(conversation(f"call-{number}", agent_id=f"agent-{number:04}") for number in range(1_100)))
    rows = rows_of(org, {**BY_AGENT, "from": "2026-03-01", "to": "2026-03-02"})
    assert [row["agent"] for row in rows] == [f"agent-{number:04}" for number in range(1_100)]


def test_every_record_is_exported_once_and_newest_first(org: OrganizationClient) -> None:
    """More records than one read block and one write block; many have the same created_at."""
    days = ("2026-03-01", "2026-03-02", "2026-03-05")
    org.send(*(conversation(f"{number:04}", created_at=f"{days[number % 3]}T12:00:00Z") for number in range(4_500)))
    query = {"of": "records", "from": "2026-03-01", "to": "2026-03-06"}
    ids = sorted((f"{number:04}" for number in range(4_500)), key=lambda id_: (int(id_) % 3, id_), reverse=True)
    assert [row["id"] for row in rows_of(org, query)] == ids
    assert [row["id"] for row in csv_rows(export(org, query).content)] == ids
    assert [row["id"] for row in parquet_rows(export(org, {**query, "format": "parquet"}).content)] == ids


def test_organization_without_usage_exports_zero_days_and_headers(org: OrganizationClient) -> None:
    assert [
        (row["day"], row["total_calls"]) for row in csv_rows(export(org, {**DAILY, "to": "2026-03-04"}).content)
    ] == [
        ("2026-03-02", "0"),
        ("2026-03-03", "0"),
    ]
    for query in (CALLS, RUNS, BY_AGENT):
        content = export(org, query).content
        assert content.count(b"\r\n") == 1
        assert export(org, {**query, "format": "jsonl"}).content == b""
        assert parquet_rows(export(org, {**query, "format": "parquet"}).content) == []


def test_export_contains_only_its_organization(known: OrganizationClient, org: OrganizationClient) -> None:
    assert rows_of(org, CALLS) == []
    foreign = {"X-Anyreach-Org": known.id}
    assert org.client.get(EXPORT, params=CALLS, headers=foreign).status_code == 403


ESCAPED = {
    "=1+1": "'=1+1",
    '=HYPERLINK("https://example.com")': '\'=HYPERLINK("https://example.com")',
    "@SUM(A1)": "'@SUM(A1)",
    "-2+3": "'-2+3",
    "-5": "'-5",
    "+1+1": "'+1+1",
    "+1 555 0001": "'+1 555 0001",
    "+0123456789": "'+0123456789",
    "+1234567890123456": "'+1234567890123456",
    "+": "'+",
    "+15550001": "+15550001",
    "+491512345678901": "+491512345678901",
    "a=b": "a=b",
    "'=1": "'=1",
    'a,"b"': 'a,"b"',
    "a;b": "a;b",
    "007": "007",
    "1e5": "1e5",
    "ä\N{TELEPHONE RECEIVER}": "ä\N{TELEPHONE RECEIVER}",
}


@pytest.mark.parametrize(("text", "cell"), ESCAPED.items(), ids=ascii)
def test_formulas_are_escaped_in_csv_only(org: OrganizationClient, text: str, cell: str) -> None:
    org.send(
        event(
            "conversation.updated",
            {**_data(conversation(text)), "agent_id": text, "agent_number": text, "web_widget_id": text},
            id=text,
            source=text,
        ),
        event("agent.updated", {"id": text, "name": text}),
    )
    window = {"from": "2026-03-01", "to": "2026-03-02"}
    records, agents = {**CALLS, **window}, {**BY_AGENT, **window}
    texts = ("id", "agent_id", "agent_number", "web_widget_id", "event_source", "event_id")
    [row] = csv_rows(export(org, records).content)
    assert {row[name] for name in texts} == {cell}
    [agent] = csv_rows(export(org, agents).content)
    assert (agent["agent"], agent["name"]) == (cell, cell)
    for format_, read in (("jsonl", json_rows), ("parquet", parquet_rows)):
        [plain] = read(export(org, {**records, "format": format_}).content)
        assert {plain[name] for name in texts} == {text}


def _data(event_: dict[str, object]) -> dict[str, object]:
    data = event_["data"]
    assert isinstance(data, dict)
    return data


def test_negative_number_is_not_escaped_as_a_formula(org: OrganizationClient) -> None:
    org.send({**conversation(), "sequence": "-5"})
    [row] = csv_rows(export(org, {**CALLS, "from": "2026-03-01", "to": "2026-03-02"}).content)
    assert row["event_sequence"] == "-5"


def test_csv_has_a_byte_order_mark_and_crlf_lines(known: OrganizationClient) -> None:
    content = export(known, CALLS).content
    assert content.startswith(BOM)
    assert content.count(BOM) == 1
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") == 8
    assert re.search(rb"\d,false,false,1,1,0,1,0,1,0,60000,0,/tests,", content)


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [("csv", "text/csv"), ("jsonl", "application/x-ndjson"), ("parquet", "application/vnd.apache.parquet")],
)
def test_file_has_its_media_type_and_must_not_be_cached(
    known: OrganizationClient, format_: str, media_type: str
) -> None:
    answer = export(known, {**DAILY, "format": format_})
    assert answer.headers["Content-Type"].split(";")[0] == media_type
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    name = f'attachment; filename="talkmeter-{known.id}-2026-03-02-to-2026-03-15-daily.{format_}"'
    assert answer.headers["Content-Disposition"] == name


NAMES: dict[str, tuple[Query, str]] = {
    "conversations": (CALLS, "2026-03-02-to-2026-03-15-records-conversation.csv"),
    "runs": (RUNS, "2026-03-02-to-2026-03-15-records-workflow_execution.csv"),
    "one day": ({**CALLS, "day": "2026-03-04"}, "2026-03-04-to-2026-03-04-records-conversation.csv"),
    "agents": (BY_AGENT, "2026-03-02-to-2026-03-15-breakdown-agent.csv"),
    "statuses of runs": ({**BY_AGENT, "by": "run_status"}, "2026-03-02-to-2026-03-15-breakdown-run_status.csv"),
    "a window that ends in a day": (
        {**DAILY, "to": "2026-03-16T00:00:00.000001Z"},
        "2026-03-02-to-2026-03-16-daily.csv",
    ),
    "a window of an instant": (
        {**DAILY, "from": "2026-03-02T23:00:00Z", "to": "2026-03-02T23:00:00.000001Z"},
        "2026-03-02-to-2026-03-02-daily.csv",
    ),
}


@pytest.mark.parametrize(("query", "end"), NAMES.values(), ids=NAMES)
def test_file_name_describes_the_content(known: OrganizationClient, query: Query, end: str) -> None:
    header = export(known, query).headers["Content-Disposition"]
    assert header == f'attachment; filename="talkmeter-{known.id}-{end}"'


@pytest.mark.parametrize(
    ("org_id", "part"),
    [
        ("a/b", "a-b"),
        ("Zoë & Co", "Zo-Co"),
        ("..", "organization"),
        ("../../etc", "etc"),
        ("\N{OFFICE BUILDING}", "organization"),
        ('"; filename="x.exe', "filename-x.exe"),
        ("a.b_c-D", "a.b_c-D"),
        ("x" * 200, "x" * 200),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_file_name_is_safe_for_any_organization_id(known: OrganizationClient, org_id: str, part: str) -> None:
    key = make_credential(known.server, org_id=org_id, role="admin")
    with client_of(known.server, key) as client:
        answer = client.get(EXPORT, params=DAILY)
    assert answer.status_code == 200
    name = f'attachment; filename="talkmeter-{part}-2026-03-02-to-2026-03-15-daily.csv"'
    assert answer.headers["Content-Disposition"] == name


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_head_has_the_headers_of_a_file_and_no_body(known: OrganizationClient, format_: str) -> None:
    query = {**CALLS, "format": format_}
    head, response = known.client.head(EXPORT, params=query), export(known, query)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Disposition", "Cache-Control"):
        assert head.headers[name] == response.headers[name]


def test_export_without_a_window_is_month_to_date(known: OrganizationClient) -> None:
    summary = known.get_summary().json()
    rows = rows_of(known, {"of": "daily"})
    assert [row["day"] for row in rows] == [point["day"] for point in summary["daily"]]
    with new_organization(known.server) as org:
        org.send(run(created_at=summary["from"]))
        assert [row["id"] for row in rows_of(org, {"of": "records", "kind": "workflow_execution"})] == ["run-1"]
