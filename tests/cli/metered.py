"""An organization with some usage, for commands that ask: each gives what the API gives, read from one server."""

import re
from dataclasses import dataclass

import httpx

from tests.api.organizations import Answer
from tests.cli.terminal import Terminal
from tests.events import Json, conversation, event, run

ORG = ("--org", "acme")
WINDOW = ("--from", "2026-03-01", "--to", "2026-03-04")
PARAMETERS = {"from": "2026-03-01", "to": "2026-03-04"}
_TOLD: list[Json] = [
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
EVENTS = [told | {"id": f"event-{number}"} for number, told in enumerate(_TOLD, 1)]
_COLUMNS = re.compile(" {2,}")


@dataclass(frozen=True)
class Metered:
    """A terminal whose database holds the usage, and a client of a server that answers from the same one."""

    terminal: Terminal
    client: httpx.Client

    def run(self, command: str, *arguments: str) -> list[str]:
        """The lines that a command about the organization prints."""
        return self.terminal.run(command, *ORG, *arguments).splitlines()

    def refusal(self, command: str, *arguments: str) -> str:
        """The sentence with which a command about the organization refuses."""
        return self.terminal.refusal(command, *ORG, *arguments)

    def get(self, question: str, **parameters: str) -> httpx.Response:
        """What the API answers; of the window where no other is named."""
        response = self.client.get(f"/admin/usage/{question}", params=parameters)
        assert response.status_code == 200, response.text
        return response

    def answer(self, question: str, **parameters: str) -> Answer:
        """The API's answer about the window."""
        answer: Answer = self.get(question, **PARAMETERS, **parameters).json()
        return answer


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return _COLUMNS.split(line)
