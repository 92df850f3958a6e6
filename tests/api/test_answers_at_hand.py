"""Answers at hand are never stale: beside a server that keeps none, on the same database, each answer is the same."""

import random
from collections.abc import Iterator

import httpx
import pytest

from tests.api.organizations import Organization, client_of, new_organization
from tests.events import Json, conversation, event, run
from tests.servers import Server, running_server

STEPS = 60
QUESTIONS = (
    "/admin/usage/summary?from=2026-03-01&to=2026-04-01",
    "/admin/usage/summary?from=2026-03-01T06:00:00Z&to=2026-03-01T13:00:00Z",
    "/admin/usage/summary?from=2025-06-01&to=2026-06-01&compare=previous",
    "/admin/usage/breakdown?from=2026-03-01&to=2026-04-01&by=agent",
    "/admin/usage/breakdown?from=2026-03-01&to=2026-04-01&by=status&compare=year",
)


@pytest.fixture(scope="module")
def anew(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the same database that computes every answer."""
    database = server.environment["TALKMETER_DATABASE_URL"]
    with running_server(tmp_path_factory.mktemp("anew"), database_url=database, answer_bytes="0") as running:
        yield running


def step(chance: random.Random, number: int) -> Json:
    """One more thing that happened, or happened otherwise, or had happened already."""
    id_, minute = f"call-{chance.randrange(6)}", f"2026-03-01T12:{chance.randrange(60):02}:00Z"
    told = (
        conversation(id_, duration=chance.randrange(100), agent_id=f"agent-{chance.randrange(3)}"),
        conversation(id_, status=chance.choice(("ringing", "in_progress", "token_created")), duration=None),
        event("conversation.deleted", {"id": id_}),
        run(f"run-{chance.randrange(3)}", status=chance.choice(("success", "failed", "running"))),
        event("agent.updated", {"id": f"agent-{chance.randrange(3)}", "name": f"Ann {number}"}),
        event("dataset.deleted", {"id": "dataset-1"}),
    )
    return {**chance.choice(told), "id": f"event-{chance.randrange(STEPS)}", "time": minute}


def answers_of(client: httpx.Client) -> list[tuple[int, str, bytes]]:
    answers = [client.get(question) for question in QUESTIONS]
    return [(answer.status_code, answer.headers["ETag"], answer.content) for answer in answers]


def test_after_every_change_each_answer_is_that_of_a_server_without_any_at_hand(
    org: Organization, anew: Server
) -> None:
    chance = random.Random(STEPS)
    seen = set()
    with client_of(anew, org.key) as computed:
        for number in range(STEPS):
            org.send(step(chance, number))
            if number % 20 == 10:
                org.put_inventory("agent", f"2026-03-01T12:{number}:30Z", {"id": "agent-1", "name": "Ann"})
            first, again = answers_of(org.client), answers_of(org.client)
            assert first == again == answers_of(computed)
            assert {status for status, _, _ in first} == {200}
            seen.add(first[0][2])
    assert len(seen) > STEPS / 4


def test_two_organizations_with_the_same_usage_have_answers_of_their_own(org: Organization) -> None:
    with new_organization(org.server) as other:
        for one in (org, other):
            one.send({**conversation(), "id": "the same"})
        mine, theirs = answers_of(org.client), answers_of(other.client)
    assert not {etag for _, etag, _ in mine} & {etag for _, etag, _ in theirs}
