"""The answers that the page is tested with: written here from a real server, parsed and rendered by Vitest.

`make contract` writes them; this test fails where the server answers otherwise than they say.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

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
AT_A_TIME = "2026-03-03T09:30:00.123456Z"
NOW = "2026-11-20T09:30:00Z"
"""What the server's clock says."""
CHANGING = {
    **dict.fromkeys(("last_event_at", "expires_at", "changed_at", "stored_at"), AT_A_TIME),
    "next_cursor": "the-cursor-of-the-next-page",
}
"""What differs at each run, and what stands for it in the files."""

_TOLD: list[Json] = [
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
LEDGER: list[Json] = [told | {"id": f"event-{number}"} for number, told in enumerate(_TOLD, 1)]


_LIVE = {"status": "in_progress", "duration": None, "created_at": "2026-11-20T09:00:00Z"}
OF_CONNECTORS: list[Json] = [
    conversation(f"twilio:{number}", **_LIVE)
    | {"id": f"event-of-twilio-{number}", "source": "/connectors/1a", "time": "2026-11-20T09:00:00Z"}
    for number in range(2)
]
"""Outside the window of every other question."""


def _told(
    connector: str, day: str, types: Mapping[str, int] | None = None, **outcomes: int
) -> list[tuple[str, DailyOutcome]]:
    """What became of a connector's messages on a day; `types` are those of the ignored ones."""
    at = read_instant(f"{day}T08:15:00Z")
    counts = {(outcome, ""): messages for outcome, messages in outcomes.items()}
    counts |= {("ignored", type_): messages for type_, messages in (types or {}).items()}
    return [(connector, DailyOutcome(day_of(at), *key, messages, at)) for key, messages in counts.items()]


def _connect(server: Server) -> None:
    """One connector in use, one that is silent, one that nothing came from and one that is disabled."""
    made = read_instant("2026-10-01T12:00:00Z")
    rows = [("1a", "twilio", None), ("2b", "retell", None), ("3c", "n8n", None), ("4d", "vapi", read_instant(NOW))]
    told = [
        *_told("1a", "2026-11-14", accepted=12, duplicate=1),
        *_told("1a", "2026-11-17", {"usage-trigger": 4, "recording": 1}, accepted=9, rejected=2),
        *_told("1a", "2026-11-20", {"usage-trigger": 1}, accepted=3, conflicting=1, stale=2, quarantined=1),
        *(one for day in range(12, 19) for one in _told("2b", f"2026-11-{day}", accepted=day)),
        *_told("4d", "2026-11-01", accepted=7),
    ]
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine, writing(engine) as connection:
        connectors = [(id_, "acme", provider, b"locked", made, until) for id_, provider, until in rows]
        insert_rows(connection, tables.connector, connectors, OnConflict.KEEP)
        add_daily_outcomes(connection, told)


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
    """A browser that is signed in with a token for both organizations; the ledger is in `acme`."""
    key = server.cli("keys", "add", "--org", "acme", "--role", "admin")
    token = server.cli("tokens", "add", "--name", "somebody", "--org", "acme", "--org", "empty:viewer")
    events = LEDGER + OF_CONNECTORS
    local_http.post(f"{server.url}/metering/events", json=events, headers=bearer(key)).raise_for_status()
    _connect(server)
    with local_http.client(base_url=server.url) as client:
        signed_in = client.post("/session", headers={**PAGE, **bearer(token)}).raise_for_status()
        client.headers["Cookie"] = signed_in.headers["set-cookie"].partition(";")[0]
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def agree(name: str, answer: httpx.Response, changing: Mapping[str, str] = CHANGING) -> None:
    """The answer is what the file says; what differs at each run stands there as something fixed."""
    text = json.dumps(steady(answer.json(), changing), indent=2, ensure_ascii=False) + "\n"
    if WRITES:
        CONTRACT.mkdir(exist_ok=True)
        (CONTRACT / name).write_text(text, encoding="utf-8")
    assert (CONTRACT / name).read_text(encoding="utf-8") == text, f"run 'make contract' if {name} is meant to change"


def steady(content: object, changing: Mapping[str, str]) -> object:
    """An answer without what differs at each run; what is null stays so."""
    if isinstance(content, list):
        return [steady(one, changing) for one in content]
    if isinstance(content, dict):
        return {
            name: changing.get(name, one) if isinstance(one, str) else steady(one, changing)
            for name, one in content.items()
        }
    return content


def test_the_summary_of_a_small_ledger(client: httpx.Client) -> None:
    agree("summary.json", client.get("/admin/usage/summary", params={**WINDOW, "organization_id": "acme"}))


def test_the_summary_of_an_organization_never_heard_of(server: Server) -> None:
    key = server.cli("keys", "add", "--org", "empty", "--role", "admin")
    answer = local_http.get(f"{server.url}/admin/usage/summary", params=WINDOW, headers=bearer(key))
    agree("summary-empty.json", answer)


def test_what_drives_the_usage_by_agent(client: httpx.Client) -> None:
    split = {"by": "agent", "interval": "day", "compare": "previous"}
    agree("breakdown.json", client.get("/admin/usage/breakdown", params={**WINDOW, **split, "organization_id": "acme"}))


def test_the_first_page_of_the_records_behind_a_figure(client: httpx.Client) -> None:
    page = {**WINDOW, "kind": "conversation", "limit": "3", "organization_id": "acme"}
    agree("records.json", client.get("/admin/usage/records", params=page))


def test_the_history_of_a_call_that_was_told_three_times(client: httpx.Client) -> None:
    path = "/admin/usage/records/conversation/call-1"
    agree("history.json", client.get(path, params={"organization_id": "acme"}))


def test_the_items_behind_an_inventory_card(client: httpx.Client) -> None:
    card = {"kind": "phone_number", "organization_id": "acme"}
    agree("inventory.json", client.get("/admin/usage/inventory", params=card))


def test_how_the_connectors_are_doing(client: httpx.Client) -> None:
    answer = client.get("/admin/usage/connectors", params={"organization_id": "acme"})
    agree("connectors.json", answer, {"as_of": NOW})


def test_a_problem(client: httpx.Client) -> None:
    reversed_window = {"from": "2026-03-04", "to": "2026-03-01", "organization_id": "acme"}
    agree("problem.json", client.get("/admin/usage/summary", params=reversed_window))


def test_the_problem_of_somebody_without_access(client: httpx.Client) -> None:
    agree("problem-forbidden.json", client.get("/admin/usage/summary", params={"organization_id": "empty"}))


def test_the_scopes_of_an_admin(client: httpx.Client) -> None:
    agree("scopes.json", client.get("/admin/members/me/scopes", params={"organization_id": "acme"}))


def test_the_scopes_of_a_viewer(client: httpx.Client) -> None:
    agree("scopes-viewer.json", client.get("/admin/members/me/scopes", params={"organization_id": "empty"}))


def test_the_session_of_somebody_signed_in(client: httpx.Client) -> None:
    agree("session.json", client.get("/session"))


def test_the_session_of_nobody(server: Server) -> None:
    agree("session-signed-out.json", local_http.get(f"{server.url}/session"))


def test_the_description_that_the_pages_types_are_made_from() -> None:
    assert OPENAPI.read_text(encoding="utf-8") == description(), "run 'make openapi'"
