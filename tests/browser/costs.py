"""Organizations with plans, whose costs can be checked by hand.

BILLED has no plan in January 2026. February costs 110.00 and was closed at 108.50. From March 1 to 15:

- Outbound voice: 18 minutes, 5 included, 13 * 0.12 = 1.56
- Chat sessions: 2 * 0.05 + 1 * 0.04 = 0.14
- Workflow runs: 3 are 2 packages of 2, 2 * 2.00 = 4.00
- All calls: 9 * 1.00 on March 2; with 3 more on March 3, 12 * 0.50 = 6.00
- Monthly fee: 10.00; in total 21.70

MOVED pays in dollars in February and in euros from March on.
"""

from typing import Final

from talkmeter.billing.statement_store import Statement, StatementLine, insert_statements
from talkmeter.db.engine import writing
from talkmeter.months import read_month
from tests import local_http
from tests.events import Json, conversation, event, run
from tests.postgres import engine_for
from tests.servers import Server

BILLED: Final = "billed"
MOVED: Final = "moved"
_OUTBOUND: Final = {"direction": "outbound", "agent_number": "+13125550110", "duration": 120}

BILLED_EVENTS: Final[list[Json]] = [
    conversation("february", created_at="2026-02-10T10:00:00Z", direction="outbound", duration=60),
    *(
        conversation(f"out-{number}", created_at=f"2026-03-02T10:0{number}:00Z", agent_id=agent, **_OUTBOUND)
        for number, agent in enumerate(["agent-a"] * 6 + ["agent-b"] * 3)
    ),
    *(
        conversation(f"chat-{number}", created_at="2026-03-03T10:00:00Z", channel="webrtc", duration=60)
        for number in range(3)
    ),
    *(run(f"billed-run-{number}", created_at="2026-03-04T10:00:00Z", workflow_id="flow-1") for number in range(3)),
    event("agent.updated", {"id": "agent-a", "name": "Reception"}),
]
PLANS: Final = """
[plans.smb]
name = "SMB"
currency = "USD"
effective = "2026-02"
fee = "10.00"
minimum = "100.00"

[[plans.smb.charges]]
id = "voice-out"
name = "Outbound voice"
meter = "voice_minutes"
where = { direction = "outbound" }
included = "5"
price = "0.12"

[[plans.smb.charges]]
id = "chats"
name = "Chat sessions"
meter = "chat_sessions"
tiers = [{ up_to = "2", price = "0.05" }, { price = "0.04" }]

[[plans.smb.charges]]
id = "runs"
name = "Workflow runs"
meter = "workflow_runs"
package = "2"
price = "2.00"

[[plans.smb.charges]]
id = "calls"
name = "All calls"
meter = "calls"
tiers = [{ up_to = "10", price = "1.00" }, { price = "0.50" }]
mode = "volume"

[plans.europe]
name = "Europe"
currency = "EUR"
effective = "2026-02"
fee = "5.00"
"""


def add_billed_organizations(server: Server, sender: str) -> str:
    """Create BILLED and MOVED; return a token for both."""
    for org_id in (BILLED, MOVED):
        server.cli("orgs", "add", org_id)
    _send(server, sender, BILLED, BILLED_EVENTS)
    _send(server, sender, MOVED, [conversation("moved", created_at="2026-03-01T10:00:00Z", duration=60)])
    plans = server.folder / "plans.toml"
    plans.write_text(PLANS)
    server.cli("plans", "apply", str(plans), "--restate")
    server.cli("plans", "assign", BILLED, "smb", "--from", "2026-02", "--restate")
    server.cli("plans", "assign", MOVED, "smb", "--from", "2026-02", "--restate")
    server.cli("plans", "assign", MOVED, "europe", "--from", "2026-03", "--restate")
    _close_february(server)
    return server.cli("tokens", "add", "--name", "costs", "--org", BILLED, "--org", MOVED)


def _close_february(server: Server) -> None:
    lines = (StatementLine("fee", 0, "Monthly fee", 0, 1_000), StatementLine("minimum", 1, "Minimum charge", 0, 9_850))
    february = Statement(BILLED, read_month("month", "2026-02"), 0, "smb", 1, "USD", "", 0, lines)
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine, writing(engine) as connection:
        insert_statements(connection, [february])


def _send(server: Server, sender: str, org_id: str, events: list[Json]) -> None:
    headers = {"Authorization": f"Bearer {sender}", "X-Anyreach-Org": org_id}
    local_http.post(f"{server.url}/metering/events", json=events, headers=headers).raise_for_status()
