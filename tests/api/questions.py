"""Questions about usage beside the summary, asked over HTTP as the page and other readers ask them."""

from urllib.parse import urlencode

import httpx

from tests.api.organizations import Answer, Organization, client_of, make_credential, refusal_of

USAGE = "/admin/usage"
Query = dict[str, str]


def asked(org: Organization, question: str, query: Query) -> httpx.Response:
    """Ask one question; the whole response."""
    return org.client.get(f"{USAGE}/{question}", params=query)


def answer_to(org: Organization, question: str, query: Query) -> Answer:
    """Ask one question that is answered; the answer."""
    response = asked(org, question, query)
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    return answer


def refusal_to(org: Organization, question: str, query: Query) -> str:
    """Ask one question that is not allowed; the sentence that says why."""
    sentence = refusal_of(asked(org, question, query), 422)
    assert len(sentence) < 500
    return sentence


def twice(query: Query, **again: str) -> str:
    """A query string in which some parameters come again."""
    return f"{urlencode(query)}&{urlencode(again)}"


def assert_needs_billing_manage(org: Organization, question: str, query: Query) -> None:
    """401 without a credential, 403 without the scope whatever else is wrong, 200 with no more than it."""
    path = f"{USAGE}/{question}"
    with client_of(org.server, None) as nobody:
        refusal_of(nobody.get(path, params=query), 401)
        refusal_of(nobody.get(path, params={"nonsense": "x"}), 401)
    for key in (
        make_credential(org.server, org_id=org.id, role="viewer"),
        make_credential(org.server, org_id=org.id, scopes=("events:write", "conversations:read_sensitive")),
    ):
        with client_of(org.server, key) as client:
            for asked_for in (query, {"nonsense": "x"}):
                assert "billing:manage" in refusal_of(client.get(path, params=asked_for), 403)
    with client_of(org.server, make_credential(org.server, org_id=org.id, scopes=("billing:manage",))) as client:
        assert client.get(path, params=query).status_code == 200
    foreign = {"X-Anyreach-Org": "foreign"}
    assert "no access to this organization" in refusal_of(org.client.get(path, params=query, headers=foreign), 403)
    assert "no access to this organization" in refusal_of(
        org.client.get(path, params={**query, "organization_id": "foreign"}), 403
    )
