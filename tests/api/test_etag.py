"""ETags change with every change of the answer and with nothing else."""

import pytest

from tests.api.organizations import (
    ORGANIZATION_HEADER,
    SUMMARY,
    OrganizationClient,
    client_of,
    make_token,
    new_organization,
)
from tests.events import Json, conversation, event, run

MARCH = {"from_": "2026-03-01", "to": "2026-04-01"}


def etag_of(org: OrganizationClient, **window: str) -> str:
    answer = org.get_summary(**(window or MARCH))
    assert answer.status_code == 200, answer.text
    etag: str = answer.headers["ETag"]
    return etag


def status_with(org: OrganizationClient, if_none_match: str) -> int:
    """Return the status of a summary request with If-None-Match; only 304 has no body."""
    answer = org.client.get(f"{SUMMARY}?from=2026-03-01&to=2026-04-01", headers={"If-None-Match": if_none_match})
    assert (answer.status_code == 304) == (answer.content == b"")
    return answer.status_code


def test_answer_is_private_and_must_be_revalidated(org: OrganizationClient) -> None:
    answer = org.get_summary(**MARCH)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "X-Anyreach-Org"} <= set(answer.headers["Vary"].split(", "))
    etag = answer.headers["ETag"]
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert len(etag) >= 18


def test_unchanged_answer_is_304_with_the_same_headers_and_no_body(org: OrganizationClient) -> None:
    org.send(conversation())
    first = org.get_summary(**MARCH)
    again = org.client.get(first.url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary", "X-Content-Type-Options"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize(
    "form", ["{}", "W/{}", '"other", {}', '{}, "other"', 'W/"a",W/{},"b"', '  "other"  ,   {}  ', "*"]
)
def test_every_form_of_a_matching_if_none_match_is_304(org: OrganizationClient, form: str) -> None:
    assert status_with(org, form.format(etag_of(org)).strip()) == 304


@pytest.mark.parametrize("form", ['"other"', 'W/"other"', '"a", "b"', '"*"', "{bare}", '"{bare}x"', '""'])
def test_other_if_none_match_gets_the_whole_answer(org: OrganizationClient, form: str) -> None:
    assert status_with(org, form.format(bare=etag_of(org).strip('"'))) == 200


def test_several_headers_are_read_as_one_list(org: OrganizationClient) -> None:
    headers = [("If-None-Match", '"other"'), ("If-None-Match", etag_of(org)), ("If-None-Match", '"another"')]
    assert org.client.get(f"{SUMMARY}?from=2026-03-01&to=2026-04-01", headers=headers).status_code == 304


CHANGES = {
    "a call": conversation("another call"),
    "a call of another month": conversation("another call", created_at="2026-06-01T00:00:00Z"),
    "a correction": {**conversation(duration=61), "time": "2026-03-01T13:00:00Z"},
    "a call that nobody joined": conversation("another call", status="token_created"),
    "a deletion": event("conversation.deleted", {"id": "call-1"}, time="2026-03-01T13:00:00Z"),
    "a run": run(),
    "an agent": event("agent.updated", {"id": "agent-1"}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_accepted_event_changes_the_etag(org: OrganizationClient, change: Json) -> None:
    org.send(conversation())
    before = etag_of(org)
    assert org.send(change)["accepted"] == 1
    after = etag_of(org)
    assert after != before
    assert status_with(org, before) == 200
    assert status_with(org, after) == 304


def test_snapshot_changes_the_etag_and_a_repeated_one_does_not(org: OrganizationClient) -> None:
    seen = {etag_of(org)}
    snapshots: list[tuple[str, list[Json]]] = [
        ("2026-03-01T00:00:00Z", []),
        ("2026-03-02T00:00:00Z", [{"id": "agent-1"}]),
    ]
    for time, items in snapshots:
        for _ in "12":
            assert org.put_inventory("agent", time, *items).status_code == 200
            seen.add(etag_of(org))
    assert len(seen) == 3


def test_events_that_change_no_answer_keep_the_etag(org: OrganizationClient) -> None:
    sent = {**conversation(), "time": "2026-03-01T12:00:00Z"}
    stale = {**conversation(status="ringing"), "time": "2026-03-01T11:00:00Z"}
    org.send(sent, stale)
    before = etag_of(org)
    for again in ((sent,), (stale,), (sent, stale, sent), (), ({**sent, "type": "call.ended"},)):
        org.send(*again)
        assert etag_of(org) == before


def test_etag_depends_on_the_window(org: OrganizationClient) -> None:
    windows = [
        MARCH,
        {"from_": "2026-03-01", "to": "2026-04-02"},
        {"from_": "2026-03-02", "to": "2026-04-01"},
        {"from_": "2026-03-01", "to": "2026-04-01T00:00:00.000001Z"},
    ]
    assert len({etag_of(org, **window) for window in windows}) == len(windows)
    assert etag_of(org, from_="2026-03-01T00:00:00Z", to="2026-04-01T02:00:00+02:00") == etag_of(org)


def test_etags_of_two_empty_organizations_differ(org: OrganizationClient) -> None:
    with new_organization(org.server) as other:
        assert etag_of(other) != etag_of(org)
        assert status_with(other, etag_of(org)) == 200
        token = make_token(org.server, **{org.id: "admin", other.id: "admin"})
        with client_of(org.server, token) as person:
            tags = [
                person.get(
                    SUMMARY, params={"from": "2026-03-01", "to": "2026-04-01"}, headers={ORGANIZATION_HEADER: id_}
                )
                for id_ in (org.id, other.id)
            ]
        assert [answer.headers["ETag"] for answer in tags] == [etag_of(org), etag_of(other)]


def test_etag_reveals_nothing_about_another_organization(org: OrganizationClient) -> None:
    with new_organization(org.server) as other:
        headers = {"If-None-Match": "*", ORGANIZATION_HEADER: other.id}
        assert org.client.get(SUMMARY, headers=headers).status_code == 403
