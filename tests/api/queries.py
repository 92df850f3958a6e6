"""Usage queries over HTTP."""

from urllib.parse import urlencode

import httpx

from tests.api.organizations import Answer, OrganizationClient, client_of, error_of, make_credential

USAGE = "/admin/usage"
Query = dict[str, str]


def get_response(org: OrganizationClient, endpoint: str, query: Query) -> httpx.Response:
    """Send a query and return the response."""
    return org.client.get(f"{USAGE}/{endpoint}", params=query)


def get_answer(org: OrganizationClient, endpoint: str, query: Query) -> Answer:
    """Send a valid query and return the answer."""
    response = get_response(org, endpoint, query)
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    return answer


def get_error(org: OrganizationClient, endpoint: str, query: Query) -> str:
    """Send an invalid query and return the error sentence."""
    sentence = error_of(get_response(org, endpoint, query), 422)
    assert len(sentence) < 500
    return sentence


def repeated(query: Query, **again: str) -> str:
    """Return a query string with some parameters repeated."""
    return f"{urlencode(query)}&{urlencode(again)}"


def assert_needs_billing_manage(org: OrganizationClient, endpoint: str, query: Query) -> None:
    """Expect 401 without a credential, 403 without the scope even for an invalid query, and 200 with only the scope."""
    path = f"{USAGE}/{endpoint}"
    with client_of(org.server, None) as anonymous:
        error_of(anonymous.get(path, params=query), 401)
        error_of(anonymous.get(path, params={"nonsense": "x"}), 401)
    for key in (
        make_credential(org.server, org_id=org.id, role="viewer"),
        make_credential(org.server, org_id=org.id, scopes=("events:write", "conversations:read_sensitive")),
    ):
        with client_of(org.server, key) as client:
            for parameters in (query, {"nonsense": "x"}):
                assert "billing:manage" in error_of(client.get(path, params=parameters), 403)
    with client_of(org.server, make_credential(org.server, org_id=org.id, scopes=("billing:manage",))) as client:
        assert client.get(path, params=query).status_code == 200
    foreign = {"X-Anyreach-Org": "foreign"}
    assert "no access to this organization" in error_of(org.client.get(path, params=query, headers=foreign), 403)
    assert "no access to this organization" in error_of(
        org.client.get(path, params={**query, "organization_id": "foreign"}), 403
    )
