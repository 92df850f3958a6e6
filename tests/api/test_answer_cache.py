"""Cached answers are never stale: they equal those of a server without a cache on the same database."""

import random
from collections.abc import Iterator

import httpx
import pytest

from tests.api.organizations import OrganizationClient, client_of, new_organization
from tests.events import Json, conversation, event, run
from tests.servers import Server, running_server

STEPS = 60
QUERIES = (
    "/admin/usage/summary?from=2026-03-01&to=2026-04-01",
    "/admin/usage/summary?from=2026-03-01T06:00:00Z&to=2026-03-01T13:00:00Z",
    "/admin/usage/summary?from=2025-06-01&to=2026-06-01&compare=previous",
    "/admin/usage/breakdown?from=2026-03-01&to=2026-04-01&by=agent",
    "/admin/usage/breakdown?from=2026-03-01&to=2026-04-01&by=status&compare=year",
)


@pytest.fixture(scope="module")
def uncached_server(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a cache, on the same database."""
    database = server.environment["TALKMETER_DATABASE_URL"]
    with running_server(tmp_path_factory.mktemp("uncached"), database_url=database, answer_bytes="0") as running:
        yield running


def step(chance: random.Random, number: int) -> Json:
    """Return a new event, a correction or a duplicate."""
    id_, minute = f"call-{chance.randrange(6)}", f"2026-03-01T12:{chance.randrange(60):02}:00Z"
    events = (
        conversation(id_, duration=chance.randrange(100), agent_id=f"agent-{chance.randrange(3)}"),
        conversation(id_, status=chance.choice(("ringing", "in_progress", "token_created")), duration=None),
        event("conversation.deleted", {"id": id_}),
        run(f"run-{chance.randrange(3)}", status=chance.choice(("success", "failed", "running"))),
        event("agent.updated", {"id": f"agent-{chance.randrange(3)}", "name": f"Ann {number}"}),
        event("dataset.deleted", {"id": "dataset-1"}),
    )
    return {**chance.choice(events), "id": f"event-{chance.randrange(STEPS)}", "time": minute}


def get_answers(client: httpx.Client) -> list[tuple[int, str, bytes]]:
    answers = [client.get(query) for query in QUERIES]
    return [(answer.status_code, answer.headers["ETag"], answer.content) for answer in answers]


def test_cached_answers_equal_uncached_answers_after_every_change(
    org: OrganizationClient, uncached_server: Server
) -> None:
    chance = random.Random(STEPS)
    seen = set()
    with client_of(uncached_server, org.key) as uncached:
        for number in range(STEPS):
            org.send(step(chance, number))
            if number % 20 == 10:
                org.put_inventory("agent", f"2026-03-01T12:{number}:30Z", {"id": "agent-1", "name": "Ann"})
            first, again = get_answers(org.client), get_answers(org.client)
            assert first == again == get_answers(uncached)
            assert {status for status, _, _ in first} == {200}
            seen.add(first[0][2])
    assert len(seen) > STEPS / 4


def test_organizations_with_equal_usage_have_different_etags(org: OrganizationClient) -> None:
    with new_organization(org.server) as other:
        for organization in (org, other):
            organization.send({**conversation(), "id": "the same"})
        first, second = get_answers(org.client), get_answers(other.client)
    assert not {etag for _, etag, _ in first} & {etag for _, etag, _ in second}
