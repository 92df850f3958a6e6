"""Organizations of a running server, with clients for their senders and readers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

import httpx

from talkmeter import clock
from talkmeter.accounts.credentials import CredentialKind, issue
from talkmeter.accounts.sessions import Access, create_link
from talkmeter.db.engine import open_engine, writing
from talkmeter.ledger.organizations import add_organization
from tests import local_http
from tests.events import Json
from tests.servers import Server

Answer = dict[str, Any]
EVENTS = "/metering/events"
SUMMARY = "/admin/usage/summary"
PLAIN = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ORGANIZATION_HEADER = "X-Anyreach-Org"
_numbers = count(1)


@dataclass(frozen=True)
class OrganizationClient:
    """An organization with an admin key and an HTTP client that uses it."""

    id: str
    key: str
    server: Server
    client: httpx.Client

    def post(self, body: bytes, content_type: str = PLAIN, **headers: str) -> httpx.Response:
        """Send a raw body to the events endpoint; `_` in a header name means `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(EVENTS, content=body, headers={"Content-Type": content_type, **more})

    def send(self, *events: Json) -> Answer:
        """Send events as one batch and return the receipt."""
        return receipt_of(self.post(json.dumps(events).encode(), BATCH))

    def put_inventory(self, kind: str, time: str, *items: Json) -> httpx.Response:
        """Send the full list of one kind."""
        return self.client.put(f"/metering/inventory/{kind}", json={"time": time, "items": items})

    def get_summary(self, **parameters: str) -> httpx.Response:
        """Request the summary; `from_` means `from`."""
        return self.client.get(SUMMARY, params={name.rstrip("_"): value for name, value in parameters.items()})

    def summary(self, from_: str = "2026-03-01", to: str = "2026-03-02") -> Answer:
        """Return the summary of a window; by default, of the day of the events in `tests.events`."""
        response = self.get_summary(from_=from_, to=to)
        assert response.status_code == 200, response.text
        answer: Answer = response.json()
        return answer

    def calls(self) -> int:
        """Return the number of conversations on the day of the events in `tests.events`."""
        calls: int = self.summary()["total_calls"]
        return calls


def make_credential(
    server: Server,
    *,
    org_id: str | None = None,
    role: str | None = None,
    scopes: tuple[str, ...] = (),
    grants: Mapping[str, str] | None = None,
    kind: CredentialKind = CredentialKind.ORGANIZATION,
) -> str:
    """Create a credential and its organizations directly in the database, which is faster than the command line."""
    engine = open_engine(server.environment["TALKMETER_DATABASE_URL"])
    try:
        with writing(engine) as connection:
            for new_org in filter(None, (org_id, *(grants or {}))):
                add_organization(connection, new_org, None, clock.now())
            issued = issue(
                connection,
                kind,
                org_id=org_id,
                name=None,
                role=role,
                scopes=scopes,
                grants=dict(grants or {}),
                now=clock.now(),
                expires_at=None,
            )
    finally:
        engine.dispose()
    return f"{'pat' if kind is CredentialKind.PERSONAL else 'ak'}_{issued.credential.id}.{issued.secret}"


def make_link(server: Server, org_id: str, access: Access) -> str:
    """Create a sign-in link of an admin directly in the database, and return its secret.

    The server's clock may be earlier than that of the tests: the link is valid by both.
    """
    engine = open_engine(server.environment["TALKMETER_DATABASE_URL"])
    try:
        with writing(engine) as connection:
            return create_link(connection, org_id, "admin", access, clock.now())
    finally:
        engine.dispose()


def make_sender_key(server: Server) -> str:
    """Create a sender key."""
    return make_credential(server, scopes=("events:write",), kind=CredentialKind.SENDER)


def make_token(server: Server, **grants: str) -> str:
    """Create a personal token with a role in each organization of `grants`."""
    return make_credential(server, grants=grants, kind=CredentialKind.PERSONAL)


@contextmanager
def client_of(server: Server, key: str | None, **headers: str) -> Iterator[httpx.Client]:
    """Yield a client that sends a credential (None: no credential); `_` in a header name means `-`.

    The server uses plain HTTP, so the client skips loading certificates, which would take most of its startup time.
    """
    default_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        default_headers["Authorization"] = f"Bearer {key}"
    with local_http.client(base_url=server.url, headers=default_headers, timeout=60) as client:
        yield client


def new_org_id() -> str:
    """Return an id that no other test of this process uses."""
    return f"org-{next(_numbers)}"


@contextmanager
def new_organization(server: Server) -> Iterator[OrganizationClient]:
    """Yield an organization without events, with an admin key."""
    org_id = new_org_id()
    key = make_credential(server, org_id=org_id, role="admin")
    with client_of(server, key) as client:
        yield OrganizationClient(org_id, key, server, client)


def receipt_of(response: httpx.Response) -> Answer:
    """Return the receipt of an accepted request."""
    assert response.status_code == 200, response.text
    receipt: Answer = response.json()
    assert set(receipt) == {"accepted", "duplicate", "conflicting", "stale", "quarantined"}
    return receipt


def counts_of(receipt: Answer) -> tuple[int, int, int, int, int]:
    """Return the number of accepted, duplicate, conflicting, stale and quarantined events."""
    return (
        receipt["accepted"],
        receipt["duplicate"],
        receipt["conflicting"],
        receipt["stale"],
        len(receipt["quarantined"]),
    )


def error_of(response: httpx.Response, status: int) -> str:
    """Check the status and format of an error response, and return its sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: Answer = response.json()
    assert set(problem) == {"title", "status", "detail", "type"}
    assert problem["status"] == status
    detail: str = problem["detail"]
    assert_sentence(detail)
    return detail


def assert_error(response: httpx.Response, status: int) -> None:
    """Check the format of an error and its headers: those of every response and those of its status."""
    error_of(response, status)
    problem = response.json()
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["type"] == "about:blank"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert ("Retry-After" in response.headers) == (status in {503, 507})
    assert ("Allow" in response.headers) == (status == 405)


def assert_sentence(text: str) -> None:
    """Check that a text is one line that starts like a sentence or with a field name, and ends with a full stop."""
    assert text.endswith(".")
    assert not text.endswith("..")
    assert text.isprintable()
    assert text[0].isalpha() or text[0] in "'\""
