"""Sample usage with known figures: two weeks of March 2026, and a few calls before them."""

from tests.events import Json, conversation, event, run

# Two weeks that start on a Monday.
WINDOW = {"from": "2026-03-02", "to": "2026-03-16"}


def call(at: str, id_: str, **fields: object) -> Json:
    return conversation(id_, created_at=f"2026-{at}T11:59:00Z", **fields)


MARCH_EVENTS = (
    call("03-03", "a1", agent_id="agent-1", agent_number="+15550001", duration=60),
    call("03-04", "a2", agent_id="agent-1", agent_number="+15550001", duration=30.5, direction="outbound"),
    call("03-10", "a3", agent_id="agent-1", agent_number="+15550002", duration=None, status="in_progress"),
    call("03-04", "b1", agent_id="agent-2", web_widget_id="widget-1", channel="webrtc", duration=100),
    call("03-05", "b2", agent_id="agent-2", web_widget_id="widget-1", channel="webrtc", modality="voice", duration=20),
    call("03-05", "n1", channel="email", duration=None),
    call("03-10", "n2", agent_number="+15550002", status="failed", duration=0),
    call("03-04", "t1", agent_id="agent-9", channel="webrtc", status="token_created", duration=999),
    call("02-20", "e1", agent_id="agent-1", duration=30),
    call("02-21", "e2", agent_id="agent-3", duration=10),
    run("r1", workflow_id="workflow-1", created_at="2026-03-03T00:00:00Z"),
    run("r2", workflow_id="workflow-1", status="failed", created_at="2026-03-04T00:00:00Z"),
    run("r3", status="running", created_at="2026-03-05T00:00:00Z"),
    run("r4", workflow_id="workflow-2", status="cancelled", created_at="2026-03-10T00:00:00Z"),
    event("agent.updated", {"id": "agent-1", "name": "Reception"}),
    event("agent.updated", {"id": "agent-2"}),
    event("phone_number.updated", {"id": "+15550001", "name": "Main line"}),
    event("web_widget.updated", {"id": "widget-1", "name": "Website"}),
)
