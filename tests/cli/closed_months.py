"""A terminal whose organizations have plans, usage in March 2026, and a statement of it."""

from pathlib import Path

from tests.cli.terminal import Terminal
from tests.events import Json, conversation, run

MONTH = ("--month", "2026-03")
PLAN = """
[plans.pro]
name = "Pro"
currency = "USD"
effective = "2026-01"
fee = "10.00"
minimum = "20.00"
[[plans.pro.charges]]
id = "voice"
name = "Voice"
meter = "voice_minutes"
where = { direction = "inbound" }
included = "5"
price = "0.12"
[[plans.pro.charges]]
id = "calls"
name = "Calls"
meter = "calls"
tiers = [{ up_to = "2", price = "0.5" }, { up_to = "4", price = "0.333" }, { price = "0.1" }]
[[plans.pro.charges]]
id = "runs"
name = "Runs"
meter = "workflow_runs"
package = "2"
price = "1.005"
[[plans.pro.charges]]
id = "chats"
name = "Chats"
meter = "chat_sessions"
price = "0.2"
"""
LINES = {"fee": 1000, "voice": 126, "calls": 187, "runs": 201, "minimum": 1486}
"""The lines of the statement of March that are not 0, in cents, worked out by hand.

Voice: 15.5 minutes inbound, 5 included, at 0.12 is 1.26. Calls: 2 x 0.5 + 2 x 0.333 + 2 x 0.1 = 1.866. Runs: 3 are two
packages. The minimum is 20.00 - 5.14.
"""
ADJUSTMENT = {"voice": 120, "calls": 10, "minimum": -130}
"""The lines of the adjustment for a late inbound call of 10 minutes."""


def usage(org_id: str, created_at: str = "2026-03-02T09:00:00Z") -> list[Json]:
    """Return the events of an organization: five inbound calls, an outbound one, and three runs."""
    calls = [
        conversation(f"call-{number}", duration=duration, created_at=created_at, organization_id=org_id)
        for number, duration in enumerate((600, 330, 0, 0))
    ]
    others = [
        conversation("out-1", duration=300, created_at=created_at, direction="outbound", organization_id=org_id),
        conversation("call-9", duration=None, created_at=created_at, organization_id=org_id),
    ]
    runs = [run(f"run-{number}", created_at=created_at, organization_id=org_id) for number in range(3)]
    return [*calls, *others, *runs]


def terminal_with_usage(folder: Path, *org_ids: str, plan: str = PLAN) -> Terminal:
    """Return a terminal whose organizations have the plan from March 2026 on, and the same usage."""
    terminal = Terminal(folder)
    (folder / "plans.toml").write_text(plan)
    terminal.run("plans", "apply", "plans.toml", "--restate")
    for org_id in org_ids:
        terminal.run("orgs", "add", org_id)
        terminal.run("plans", "assign", org_id, "pro", "--from", "2026-03", "--restate")
    terminal.run("ingest", terminal.file("usage.jsonl", *(one for org_id in org_ids for one in usage(org_id))))
    return terminal


def close(terminal: Terminal) -> None:
    """Close March."""
    terminal.run("statements", "close", *MONTH)


def adjust(terminal: Terminal, org_id: str) -> None:
    """Send a late call of March, and adjust the organization's statement."""
    late = conversation("late", duration=600, created_at="2026-03-30T09:00:00Z", organization_id=org_id)
    terminal.run("ingest", terminal.file("late.jsonl", late))
    terminal.run("statements", "adjust", *MONTH, "--org", org_id)
