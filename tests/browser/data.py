"""The organizations of the browser tests. They have few events, so that every figure can be checked by hand.

The browser's clock is set to NOW, a Sunday.
"""

from typing import Final

from tests.events import Json, conversation, event, run

NOW: Final = "2026-03-15T12:00:00Z"
ACME: Final = "acme"
QUIET: Final = "quiet"
NEW: Final = "new-born"
LOCKED: Final = "locked"
BUSY: Final = "busy"
CROWD: Final = "crowd"
SPECIAL_ID: Final = "a/b,c=d:e%2F ö&?#+"
"""An id with characters that must be encoded in a URL."""

ACME_EVENTS: Final[list[Json]] = [
    conversation("feb-last", created_at="2026-02-28T23:59:59.999Z", duration=600),
    conversation("mar-first", created_at="2026-03-01T00:00:00Z", duration=60, agent_id="agent-0"),
    event(
        "conversation.updated",
        {
            "id": "out",
            "channel": "telephone",
            "direction": "outbound",
            "status": "in_progress",
            "created_at": "2026-03-10T09:00:00Z",
        },
        id="out:begun",
        time="2026-03-01T11:00:00Z",
    ),
    conversation(
        "out",
        created_at="2026-03-10T09:00:00Z",
        direction="outbound",
        duration=90.6,
        agent_id="agent-1",
        agent_number="+13125550111",
    ),
    conversation(
        "widget",
        created_at="2026-03-10T10:00:00Z",
        channel="webrtc",
        duration=200,
        agent_id="agent-0",
        web_widget_id="widget-1",
    ),
    conversation("mail", created_at="2026-03-10T11:00:00Z", channel="email", duration=None),
    conversation("text", created_at="2026-03-15T11:00:00Z", channel="text", direction="outbound", duration=30),
    conversation("tomorrow", created_at="2026-03-16T00:00:00Z", duration=1000),
    conversation("last-year", created_at="2025-06-01T12:00:00Z", duration=120),
    run("run-1", created_at="2026-03-05T08:00:00Z", workflow_id="flow-1"),
    run("run-2", created_at="2026-03-05T09:00:00Z", workflow_id="flow-1"),
    run("run-3", created_at="2026-03-06T08:00:00Z", status="failed", workflow_id="flow-2"),
    run("run-4", created_at="2026-03-15T08:00:00Z", status="running"),
    event("agent.updated", {"id": "agent-0", "name": "Reception"}),
    event("agent.updated", {"id": "agent-1", "name": "Sales"}),
    event("agent.updated", {"id": "agent-2"}),
    event("phone_number.updated", {"id": "+13125550110", "shared": True}),
    event("phone_number.updated", {"id": "+13125550111", "shared": False}),
    event("web_widget.updated", {"id": "widget-1"}),
    event("dataset.updated", {"id": "base-1", "active": True}),
    event("dataset.updated", {"id": "base-2", "active": False}),
]
"""Month to date: 2 voice calls of 150.6 s, 3 sessions of 230 s (one without a duration), 4 runs."""

QUIET_EVENTS: Final[list[Json]] = [
    conversation("only", created_at="2025-12-24T10:00:00Z", duration=3_723.4),
    event("phone_number.updated", {"id": "+13125550112", "shared": False}),
]
"""One call on December 24, no runs, no shared number."""

BUSY_EVENTS: Final[list[Json]] = [
    *(
        conversation(
            f"call-{number:02}",
            created_at=f"2026-03-02T00:{number:02}:00Z",
            agent_id=f"agent-{number % 12:02}",
            duration=60,
        )
        for number in range(60)
    ),
    conversation(SPECIAL_ID, created_at="2026-03-03T00:00:00Z", agent_id=SPECIAL_ID, duration=30),
    conversation("silent", created_at="2026-03-09T10:00:00Z", status="in_progress", duration=None),
    conversation("mail", created_at="2026-03-09T11:00:00Z", status="in_progress", channel="email", duration=None),
]
"""62 voice calls of 60.5 minutes in total and a chat session, by 13 agents and without one.

Two calls are in progress, one of them silent.
"""

LONG_NAME: Final = "Reception of the northern region " + "and of every branch " * 8
CROWD_EVENTS: Final[list[Json]] = [
    event("agent.updated", {"id": "crowd-000", "name": LONG_NAME}),
    *(
        conversation(
            f"of-{number:03}", created_at="2026-03-02T00:00:00Z", agent_id=f"crowd-{number:03}", duration=number
        )
        for number in range(1, 230)
    ),
    *(
        conversation(f"of-000-{number}", created_at="2026-03-02T00:00:00Z", agent_id="crowd-000", duration=1)
        for number in range(2)
    ),
    conversation("nobody", created_at="2026-03-02T00:00:00Z", agent_id=None, duration=1),
]
"""One call each of the agents crowd-001 to crowd-229, as many seconds long as its number; two calls of crowd-000."""
