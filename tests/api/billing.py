"""A server whose clock is in November 2026, with plans that tests apply over HTTP."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from talkmeter.accounts.credentials import CredentialKind
from tests.api.organizations import Answer, OrganizationClient, client_of, make_credential, new_organization
from tests.events import Json, conversation
from tests.fake_clock import FakeClock
from tests.servers import Server, running_server

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The time of the server."""
COSTS = "/admin/usage/costs"
PLANS = "/billing/plans"
VOICE: Json = {"id": "voice", "name": "Voice", "meter": "voice_minutes", "price": "0.12"}
_numbers = count(1)


@dataclass(frozen=True)
class Billing:
    """A server with another clock, and a client with an operator key."""

    server: Server
    clock: FakeClock
    operator: httpx.Client

    def set_time(self, at: datetime = NOON) -> None:
        """Set the server's clock."""
        self.clock.set(int(at.timestamp() - time.time()))

    def put_plan(self, plan_id: str, plan: object, **parameters: str) -> httpx.Response:
        """Apply a plan."""
        return self.operator.put(f"{PLANS}/{plan_id}", json=plan, params=parameters)

    def apply(self, plan: Json, plan_id: str | None = None, **parameters: str) -> str:
        """Apply a plan, by default a new one, and return its id."""
        plan_id = plan_id or f"plan-{next(_numbers)}"
        response = self.put_plan(plan_id, plan, **parameters)
        assert response.status_code == 200, response.text
        return plan_id

    def put_assignment(self, org_id: str, body: object, **parameters: str) -> httpx.Response:
        """Assign a plan."""
        return self.operator.put(f"/billing/organizations/{org_id}/plan", json=body, params=parameters)

    def assign(self, org: OrganizationClient, plan_id: str | None, from_: str = "2026-11", **parameters: str) -> Answer:
        """Assign a plan that must be accepted, and return the answer."""
        response = self.put_assignment(org.id, {"plan": plan_id, "from": from_}, **parameters)
        assert response.status_code == 200, response.text
        answer: Answer = response.json()
        return answer

    def assignment(self, org: OrganizationClient) -> Answer:
        """Return the plan of an organization."""
        response = self.operator.get(f"/billing/organizations/{org.id}/plan")
        assert response.status_code == 200, response.text
        answer: Answer = response.json()
        return answer

    def plans(self) -> dict[str, list[Answer]]:
        """Return the versions of all plans."""
        response = self.operator.get(PLANS)
        assert response.status_code == 200, response.text
        return {plan["id"]: plan["versions"] for plan in response.json()["plans"]}

    @contextmanager
    def organization(self, *events: Json) -> Iterator[OrganizationClient]:
        """Yield a new organization with usage."""
        with new_organization(self.server) as org:
            if events:
                assert org.send(*events)["accepted"] == len(events)
            yield org


@contextmanager
def running_billing(folder: Path) -> Iterator[Billing]:
    """Run a server on 20 November 2026."""
    clock = FakeClock(folder)
    clock.set(int(NOON.timestamp() - time.time()))
    with running_server(folder, clock.environment) as server, client_of(server, make_operator_key(server)) as operator:
        yield Billing(server, clock, operator)


def make_operator_key(server: Server) -> str:
    """Create an operator key."""
    return make_credential(server, scopes=("plans:manage",), kind=CredentialKind.OPERATOR)


def plan(*charges: Mapping[str, object], **fields: object) -> Json:
    """Return a plan in USD from November 2026 on."""
    return {"name": "Plan", "currency": "USD", "effective": "2026-11", "charges": list(charges), **fields}


def call(day: str, id_: str | None = None, **fields: object) -> Json:
    """Return an event of a call of a minute on a day."""
    return conversation(id_ or f"call-{next(_numbers)}", created_at=f"{day}T10:00:00Z", **fields)


def get_costs(org: OrganizationClient, from_: str | None = None, to: str | None = None, **query: str) -> Any:
    """Return the costs of an organization; by default, month to date."""
    window = {"from": from_, "to": to} if from_ and to else {}
    response = org.client.get(COSTS, params={**window, **query})
    assert response.status_code == 200, response.text
    return response.json()
