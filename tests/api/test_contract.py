"""The contract between server and page: real responses in tests/contract, with which Vitest tests the page.

`make contract` writes the files; these tests fail if the server's responses differ from them.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
import pytest

from talkmeter.budgets.store import Crossing, insert_crossing
from talkmeter.db import tables
from talkmeter.db.engine import writing
from talkmeter.db.statements import OnConflict, insert_rows
from talkmeter.ledger.connector_outcomes import DailyOutcome, add_daily_outcomes
from talkmeter.period import day_of, read_instant
from tests import local_http
from tests.events import Json, conversation, event, run
from tests.fake_clock import FakeClock
from tests.postgres import engine_for
from tests.servers import Server, running_server
from tools.openapi import OPENAPI, description

CONTRACT = Path(__file__).parent.parent / "contract"
WRITES = "TALKMETER_WRITE_CONTRACT" in os.environ
WINDOW = {"from": "2026-02-28", "to": "2026-03-04"}
PAGE = {"Sec-Fetch-Site": "same-origin"}
FIXED_TIME = "2026-03-03T09:30:00.123456Z"
NOW = "2026-11-20T09:30:00Z"
"""The time of the server's clock."""
PLACEHOLDERS = {
    **dict.fromkeys(("last_event_at", "expires_at", "changed_at", "stored_at"), FIXED_TIME),
    "next_cursor": "the-cursor-of-the-next-page",
    "changed_by": "session 0123456789abcdef",
    "version": "0123456789abcdef",
}
"""Fields that differ in each run, with their placeholders in the files."""

_EVENTS: list[Json] = [
    conversation("call-0", created_at="2026-02-25T09:00:00Z", duration=45, agent_id="agent-1"),
    conversation("call-1", created_at="2026-03-01T10:00:00Z", duration=None, status="ringing")
    | {"time": "2026-03-01T10:00:00Z"},
    conversation("call-1", created_at="2026-03-01T10:00:00Z", duration=61, agent_id="agent-1")
    | {"time": "2026-03-01T10:01:01Z"},
    conversation("call-1", created_at="2026-03-01T10:00:00Z", duration=61.005, agent_id="agent-1"),
    conversation("call-2", created_at="2026-03-01T23:59:59.999999Z", duration=125, direction="outbound"),
    conversation("call-3", created_at="2026-03-03T00:00:00Z", duration=None, status="unanswered"),
    conversation("call-4", created_at="2026-03-03T09:00:00Z", duration=None, status="token_created"),
    conversation("chat-1", channel="webrtc", created_at="2026-03-01T12:00:00Z", duration=340, web_widget_id="widget-1"),
    conversation("chat-2", channel="email", created_at="2026-03-03T09:00:00Z", duration=5400),
    run("run-1", created_at="2026-03-01T10:01:30Z", workflow_id="workflow-1"),
    run("run-2", created_at="2026-03-03T10:01:30Z", workflow_id="workflow-1", status="failed"),
    run("run-3", created_at="2026-03-03T10:02:30Z", workflow_id="workflow-1", status="waiting"),
    event("agent.updated", {"id": "agent-1", "name": "Reception"}),
    event("agent.updated", {"id": "agent-2", "name": "Sales"}),
    event("phone_number.updated", {"id": "+13125550110"}),
    event("phone_number.updated", {"id": "+12125550171", "shared": True}),
    event("web_widget.updated", {"id": "widget-1", "name": "Website"}),
    event("dataset.updated", {"id": "dataset-1", "name": "Prices", "active": True}),
    event("dataset.updated", {"id": "dataset-2", "name": "Old prices"}),
]
EVENTS: list[Json] = [event_ | {"id": f"event-{number}"} for number, event_ in enumerate(_EVENTS, 1)]

PLAN: Final = """
[plans.smb]
name = "SMB"
currency = "USD"
effective = "2026-03"
fee = "10.00"
minimum = "20.00"

[[plans.smb.charges]]
id = "voice-out"
name = "Outbound voice"
meter = "voice_minutes"
where = { direction = "outbound" }
included = "1.5"
price = "0.12"

[[plans.smb.charges]]
id = "chats"
name = "Chat sessions"
meter = "chat_sessions"
tiers = [{ up_to = "1", price = "0.05" }, { price = "0.04" }]

[[plans.smb.charges]]
id = "calls"
name = "All calls"
meter = "calls"
tiers = [{ up_to = "3", price = "1.00" }, { price = "0.50" }]
mode = "volume"

[[plans.smb.charges]]
id = "runs"
name = "Workflow runs"
meter = "workflow_runs"
package = "2"
price = "2.00"
"""
"""The plan of `acme` from March 2026 on; March 3 is below zero."""

_LIVE = {"status": "in_progress", "duration": None, "created_at": "2026-11-20T09:00:00Z"}
CONNECTOR_EVENTS: list[Json] = [
    conversation(f"twilio:{number}", **_LIVE)
    | {"id": f"event-of-twilio-{number}", "source": "/connectors/1a", "time": "2026-11-20T09:00:00Z"}
    for number in range(2)
]
"""Live conversations of a connector, outside the window of the other queries."""


BUDGETS: Final[dict[str, Json]] = {
    "calls": {"name": "Calls of the reception", "metric": "total_calls", "filter": {"agent": "agent-1"}, "limit": "4"},
    "cost": {"name": "Monthly cost", "metric": "cost", "limit": "40.00", "thresholds": [25, 100]},
    "silence": {"name": "No events", "metric": "silence", "limit": "6", "period": "day", "enabled": False},
    "voice-out": {"name": "Included outbound voice", "metric": "charge:voice-out", "limit": "included"},
}
CROSSED: Final = read_instant("2026-11-14T10:00:00Z")


def _outcomes(
    connector: str, day: str, types: Mapping[str, int] | None = None, **outcomes: int
) -> list[tuple[str, DailyOutcome]]:
    """Return the outcomes of a connector's messages on a day; `types` counts ignored messages by type."""
    at = read_instant(f"{day}T08:15:00Z")
    counts = {(outcome, ""): messages for outcome, messages in outcomes.items()}
    counts |= {("ignored", type_): messages for type_, messages in (types or {}).items()}
    return [(connector, DailyOutcome(day_of(at), *key, messages, at)) for key, messages in counts.items()]


def _connect(server: Server) -> None:
    """Add an active connector, a silent one, one without messages and a disabled one."""
    made = read_instant("2026-10-01T12:00:00Z")
    rows = [("1a", "twilio", None), ("2b", "retell", None), ("3c", "n8n", None), ("4d", "vapi", read_instant(NOW))]
    outcomes = [
        *_outcomes("1a", "2026-11-14", accepted=12, duplicate=1),
        *_outcomes("1a", "2026-11-17", {"usage-trigger": 4, "recording": 1}, accepted=9, rejected=2),
        *_outcomes("1a", "2026-11-20", {"usage-trigger": 1}, accepted=3, conflicting=1, stale=2, quarantined=1),
        *(outcome for day in range(12, 19) for outcome in _outcomes("2b", f"2026-11-{day}", accepted=day)),
        *_outcomes("4d", "2026-11-01", accepted=7),
    ]
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine, writing(engine) as connection:
        connectors = [(id_, "acme", provider, b"locked", made, until) for id_, provider, until in rows]
        insert_rows(connection, tables.connector, connectors, OnConflict.KEEP)
        add_daily_outcomes(connection, outcomes)


def _add_budgets(server: Server, client: httpx.Client) -> None:
    """Create the budgets; the one of the cost has reached a threshold."""
    for budget_id, budget in BUDGETS.items():
        client.put(
            f"/admin/usage/budgets/{budget_id}",
            params={"organization_id": "acme"},
            json={"period": "month", **budget},
            headers={**PAGE, "If-None-Match": "*"},
        ).raise_for_status()
    first, end = (day_of(read_instant(day)) for day in ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    crossing = Crossing("cost", first, end, 25, "msg_1", CROSSED, "10.00", "40.00")
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine, writing(engine) as connection:
        insert_crossing(connection, "acme", crossing)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("contract")
    clock = FakeClock(folder)
    clock.set(read_instant(NOW) // 1_000_000 - int(time.time()))
    with running_server(folder, clock.environment, plans_url="https://example.com/plans") as server:
        server.cli("orgs", "add", "empty")
        server.cli("orgs", "add", "acme", "--name", "Acme Plumbing")
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """A browser signed in with a token for both organizations; the usage is in `acme`."""
    key = server.cli("keys", "add", "--org", "acme", "--role", "admin")
    token = server.cli("tokens", "add", "--name", "Ada", "--org", "acme", "--org", "empty:viewer")
    events = EVENTS + CONNECTOR_EVENTS
    local_http.post(f"{server.url}/metering/events", json=events, headers=bearer(key)).raise_for_status()
    _connect(server)
    plans = server.folder / "plans.toml"
    plans.write_text(PLAN)
    server.cli("plans", "apply", str(plans), "--restate")
    server.cli("plans", "assign", "acme", "smb", "--from", "2026-03", "--restate")
    with local_http.client(base_url=server.url) as client:
        signed_in = client.post("/session", headers={**PAGE, **bearer(token)}).raise_for_status()
        client.headers["Cookie"] = signed_in.headers["set-cookie"].partition(";")[0]
        _add_budgets(server, client)
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def assert_matches(name: str, answer: httpx.Response, placeholders: Mapping[str, str] = PLACEHOLDERS) -> None:
    """Check that a response equals its file, or write the file; changing fields become placeholders."""
    text = json.dumps(with_placeholders(answer.json(), placeholders), indent=2, ensure_ascii=False) + "\n"
    if WRITES:
        CONTRACT.mkdir(exist_ok=True)
        (CONTRACT / name).write_text(text, encoding="utf-8")
    assert (CONTRACT / name).read_text(encoding="utf-8") == text, f"run 'make contract' if {name} should change"


def with_placeholders(content: object, placeholders: Mapping[str, str]) -> object:
    """Return a response with placeholders for changing fields; null stays null."""
    if isinstance(content, list):
        return [with_placeholders(item, placeholders) for item in content]
    if isinstance(content, dict):
        return {
            name: placeholders.get(name, value) if isinstance(value, str) else with_placeholders(value, placeholders)
            for name, value in content.items()
        }
    return content


def test_contract_summary(client: httpx.Client) -> None:
    assert_matches("summary.json", client.get("/admin/usage/summary", params={**WINDOW, "organization_id": "acme"}))


def test_contract_summary_of_a_new_organization(server: Server) -> None:
    key = server.cli("keys", "add", "--org", "empty", "--role", "admin")
    answer = local_http.get(f"{server.url}/admin/usage/summary", params=WINDOW, headers=bearer(key))
    assert_matches("summary-empty.json", answer)


def test_contract_summary_with_a_comparison(client: httpx.Client) -> None:
    query = {**WINDOW, "compare": "previous", "organization_id": "acme"}
    assert_matches("summary-compared.json", client.get("/admin/usage/summary", params=query))


def test_contract_series_by_week(client: httpx.Client) -> None:
    query = {**WINDOW, "interval": "week", "compare": "previous", "organization_id": "acme"}
    assert_matches("series.json", client.get("/admin/usage/series", params=query))


def test_contract_series_of_an_agent(client: httpx.Client) -> None:
    query = {**WINDOW, "interval": "day", "compare": "previous", "agent": "agent-1", "organization_id": "acme"}
    assert_matches("series-agent.json", client.get("/admin/usage/series", params=query))


def test_contract_series_of_a_workflow(client: httpx.Client) -> None:
    query = {**WINDOW, "interval": "month", "workflow": "workflow-1", "organization_id": "acme"}
    assert_matches("series-workflow.json", client.get("/admin/usage/series", params=query))


def test_contract_series_by_hour(client: httpx.Client) -> None:
    query = {"from": "2026-03-01T08:30:00Z", "to": "2026-03-01T13:00:00Z", "interval": "hour"}
    assert_matches("series-hours.json", client.get("/admin/usage/series", params={**query, "organization_id": "acme"}))


def test_contract_breakdown_by_agent(client: httpx.Client) -> None:
    parameters = {"by": "agent", "interval": "day", "compare": "previous"}
    assert_matches(
        "breakdown.json",
        client.get("/admin/usage/breakdown", params={**WINDOW, **parameters, "organization_id": "acme"}),
    )


def test_contract_costs_by_agent(client: httpx.Client) -> None:
    parameters = {**WINDOW, "by": "agent", "organization_id": "acme"}
    assert_matches("costs.json", client.get("/admin/usage/costs", params=parameters))


def test_contract_budgets(client: httpx.Client) -> None:
    assert_matches("budgets.json", client.get("/admin/usage/budgets", params={"organization_id": "acme"}))


def test_contract_conflict_of_a_budget(client: httpx.Client) -> None:
    answer = client.put(
        "/admin/usage/budgets/cost",
        params={"organization_id": "acme"},
        json={**BUDGETS["cost"], "period": "month", "limit": "50.00"},
        headers={**PAGE, "If-Match": '"stale"'},
    )
    assert answer.status_code == 412
    changed = "Budget 'cost' is not as you know it: it was changed at 2026-03-03T09:30:00Z by session 0123456789abcdef."
    assert_matches("problem-conflict.json", answer, PLACEHOLDERS | {"detail": changed})


def test_contract_records(client: httpx.Client) -> None:
    page = {**WINDOW, "kind": "conversation", "limit": "3", "organization_id": "acme"}
    assert_matches("records.json", client.get("/admin/usage/records", params=page))


def test_contract_history(client: httpx.Client) -> None:
    path = "/admin/usage/records/conversation/call-1"
    assert_matches("history.json", client.get(path, params={"organization_id": "acme"}))


def test_contract_inventory(client: httpx.Client) -> None:
    card = {"kind": "phone_number", "organization_id": "acme"}
    assert_matches("inventory.json", client.get("/admin/usage/inventory", params=card))


def test_contract_connectors(client: httpx.Client) -> None:
    answer = client.get("/admin/usage/connectors", params={"organization_id": "acme"})
    assert_matches("connectors.json", answer, {"as_of": NOW})


def test_contract_organizations(client: httpx.Client) -> None:
    answer = client.get("/admin/usage/organizations", params={"organization_id": "acme"})
    assert_matches("organizations.json", answer)


def test_contract_problem(client: httpx.Client) -> None:
    reversed_window = {"from": "2026-03-04", "to": "2026-03-01", "organization_id": "acme"}
    assert_matches("problem.json", client.get("/admin/usage/summary", params=reversed_window))


def test_contract_problem_forbidden(client: httpx.Client) -> None:
    assert_matches("problem-forbidden.json", client.get("/admin/usage/summary", params={"organization_id": "empty"}))


def test_contract_scopes_of_an_admin(client: httpx.Client) -> None:
    assert_matches("scopes.json", client.get("/admin/members/me/scopes", params={"organization_id": "acme"}))


def test_contract_scopes_of_a_viewer(client: httpx.Client) -> None:
    assert_matches("scopes-viewer.json", client.get("/admin/members/me/scopes", params={"organization_id": "empty"}))


def test_contract_session_signed_in(client: httpx.Client) -> None:
    assert_matches("session.json", client.get("/session"))


def test_contract_session_signed_out(server: Server) -> None:
    assert_matches("session-signed-out.json", local_http.get(f"{server.url}/session"))


def test_committed_openapi_file_is_current() -> None:
    assert OPENAPI.read_text(encoding="utf-8") == description(), "run 'make openapi'"
