"""An organization with usage, queried by commands and by the API of one server."""

import re
from dataclasses import dataclass

import httpx

from tests.api.organizations import Answer
from tests.cli.terminal import Terminal
from tests.events import Json, conversation, event, run

ORG = ("--org", "acme")
WINDOW = ("--from", "2026-03-01", "--to", "2026-03-04")
PARAMETERS = {"from": "2026-03-01", "to": "2026-03-04"}
_EVENTS: list[Json] = [
    conversation("call-0", created_at="2026-02-26T09:00:00Z", duration=60, agent_id="ann"),
    conversation("call-00", created_at="2026-02-26T10:00:00Z", duration=60, agent_id="carl"),
    conversation("call-1", created_at="2026-03-01T10:00:00Z", duration=None, status="ringing", agent_id="ann")
    | {"time": "2026-03-01T10:00:00Z"},
    conversation("call-1", created_at="2026-03-01T10:00:00Z", duration=91, agent_id="ann")
    | {"time": "2026-03-01T10:01:31Z", "sequence": "7"},
    conversation(
        "call-1", created_at="2026-03-01T10:00:00Z", duration=90.5, agent_id="ann", agent_number="+13125550110"
    )
    | {"time": "2026-03-01T12:00:00Z"},
    conversation("call-2", created_at="2026-03-01T11:00:00Z", duration=30, direction="outbound", agent_id="ann"),
    conversation("call-3", created_at="2026-03-02T09:00:00Z", duration=None, status="unanswered", agent_id="bob"),
    conversation("call-4", created_at="2026-03-02T09:30:00Z", duration=None, status="token_created", agent_id="bob"),
    conversation("call-5", created_at="2026-03-03T09:30:00Z", duration=1200, agent_id="0 others"),
    conversation(
        "chat-1",
        channel="webrtc",
        created_at="2026-03-02T12:00:00Z",
        duration=600,
        agent_id="bob",
        web_widget_id="site",
    ),
    conversation("chat-2", channel="text", created_at="2026-03-03T12:00:00Z", duration=None, status="in_progress"),
    event("conversation.deleted", {"id": "call-9"}) | {"time": "2026-03-03T13:00:00Z"},
    conversation("call-9", created_at="2026-03-03T12:30:00Z", duration=5) | {"time": "2026-03-03T14:00:00Z"},
    run("run-1", created_at="2026-03-01T10:02:00Z", workflow_id="follow-up"),
    run("run-2", created_at="2026-03-02T10:02:00Z", workflow_id="follow-up", status="failed"),
    run("run-3", created_at="2026-03-03T10:02:00Z", workflow_id="[bold]sync[/bold]", status="waiting"),
    event("agent.updated", {"id": "ann", "name": "Ann"}),
    event("phone_number.updated", {"id": "+13125550110", "name": "Front desk", "shared": True}),
]
EVENTS = [event_ | {"id": f"event-{number}"} for number, event_ in enumerate(_EVENTS, 1)]
_COLUMN_GAP = re.compile(" {2,}")


@dataclass(frozen=True)
class Metered:
    """A terminal and an API client for the same database."""

    terminal: Terminal
    client: httpx.Client

    def run(self, command: str, *arguments: str) -> list[str]:
        """Return the lines that a command about the organization prints."""
        return self.terminal.run(command, *ORG, *arguments).splitlines()

    def error(self, command: str, *arguments: str) -> str:
        """Return the error of a command about the organization."""
        return self.terminal.error(command, *ORG, *arguments)

    def get(self, endpoint: str, **parameters: str) -> httpx.Response:
        """Return the response of the API."""
        response = self.client.get(f"/admin/usage/{endpoint}", params=parameters)
        assert response.status_code == 200, response.text
        return response

    def answer(self, endpoint: str, **parameters: str) -> Answer:
        """Return the body of the API's response for the window."""
        answer: Answer = self.get(endpoint, **PARAMETERS, **parameters).json()
        return answer


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return _COLUMN_GAP.split(line)
