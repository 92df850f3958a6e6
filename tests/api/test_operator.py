"""All organizations over HTTP: figures, cost, change and health, order, search, pages, files, and who may read them."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from talkmeter.accounts.credentials import CredentialKind
from tests.api.billing import VOICE, Billing, call, get_costs, plan, running_billing
from tests.api.organizations import (
    ORGANIZATION_HEADER,
    Answer,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_sender_key,
    make_token,
    new_organization,
)
from tests.events import conversation, run
from tests.servers import run_cli

PATH = "/operator/organizations"


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billing]:
    with running_billing(tmp_path_factory.mktemp("operator")) as running:
        yield running


@pytest.fixture(scope="module")
def three(billing: Billing) -> Iterator[list[OrganizationClient]]:
    """Organizations with three, one and no calls in October and November."""
    with new_organization(billing.server) as many, new_organization(billing.server) as one:
        many.send(
            *(call(day, duration=60) for day in ("2026-10-05", "2026-10-31", "2026-11-01", "2026-11-02")),
            call("2026-11-19", channel="webrtc", duration=90),
            run("run-1", created_at="2026-11-03T00:00:00Z"),
        )
        one.send(call("2026-11-20", duration=600))
        with new_organization(billing.server) as silent:
            yield [many, one, silent]


def listed(billing: Billing, **parameters: Any) -> Answer:
    response = billing.operator.get(PATH, params={name.rstrip("_"): value for name, value in parameters.items()})
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    return answer


def rows(billing: Billing, organizations: list[OrganizationClient], **parameters: Any) -> list[Answer]:
    """Return the rows of some organizations, in the order of the list."""
    known = {org.id for org in organizations}
    found = listed(billing, limit=100, **parameters)["organizations"]
    return [row for row in found if row["organization_id"] in known]


def test_figures_of_a_month_are_those_of_each_summary(billing: Billing, three: list[OrganizationClient]) -> None:
    for month, end in (("2026-10", "2026-11-01"), ("2026-11", "2026-12-01")):
        for org in three:
            [row] = rows(billing, [org], month=month)
            summary = org.summary(f"{month}-01", end)
            figures = {name: value for name, value in row.items() if name in summary}
            assert figures == {name: summary[name] for name in figures}
            assert len(figures) == 17


def test_current_month_is_the_default_and_other_ranges_are_of_days(
    billing: Billing, three: list[OrganizationClient]
) -> None:
    assert (listed(billing)["from"], listed(billing)["to"]) == ("2026-11-01", "2026-12-01")
    calls = {
        ("2026-10-05", "2026-11-02"): [2 + 1, 0, 0],
        ("2026-11-02", "2026-11-03"): [1, 0, 0],
        ("2026-10-01", "2026-12-01"): [5, 1, 0],
    }
    for (from_, to), expected in calls.items():
        found = {row["organization_id"]: row["total_calls"] for row in rows(billing, three, from_=from_, to=to)}
        assert [found[org.id] for org in three] == expected


def test_totals_are_the_sum_of_all_rows_of_all_pages(billing: Billing, three: list[OrganizationClient]) -> None:
    del three
    cursor: dict[str, str] = {}
    found: list[Answer] = []
    while True:
        page = listed(billing, month="2026-11", limit=1, **cursor)
        found += page["organizations"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert page["total_organizations"] == len(found) == len({row["organization_id"] for row in found})
    for name in ("total_calls", "voice_duration_ms", "chat_duration_ms", "workflow_runs_total"):
        assert page["totals"][name] == sum(row[name] for row in found)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("-calls", [0, 1, 2]),
        ("calls", [2, 1, 0]),
        ("-voice", [1, 0, 2]),
        ("-chat", [0]),
        ("-runs", [0]),
        ("last_event", [2, 0, 1]),
    ],
)
def test_rows_are_sorted_by_a_figure(
    billing: Billing, three: list[OrganizationClient], sort: str, expected: list[int]
) -> None:
    found = [row["organization_id"] for row in rows(billing, three, month="2026-11", sort=sort)]
    assert found[: len(expected)] == [three[place].id for place in expected]


def test_names_are_sorted_and_searched_in_any_case(billing: Billing, three: list[OrganizationClient]) -> None:
    server = billing.server
    for org, name in zip(three, ("Zürich Ltd", "alpha needle", "Beta Needle"), strict=True):
        run_cli(server.folder, server.environment, "orgs", "add", org.id, "--name", name)
    assert [row["name"] for row in rows(billing, three, sort="name")] == ["alpha needle", "Beta Needle", "Zürich Ltd"]
    page = listed(billing, sort="-name", search="NEEDLE", limit=1)
    assert [row["name"] for row in page["organizations"]] == ["Beta Needle"]
    assert (page["total_organizations"], page["totals"]["total_calls"]) == (2, 1)
    rest = listed(billing, sort="-name", search="NEEDLE", limit=1, cursor=page["next_cursor"])
    assert [row["name"] for row in rest["organizations"]] == ["alpha needle"]
    assert rest["next_cursor"] is None
    assert rows(billing, three, search=three[0].id)[0]["name"] == "Zürich Ltd"


def test_cost_is_the_one_of_the_costs_of_the_organization(billing: Billing) -> None:
    with billing.organization(call("2026-11-02", duration=90)) as org, billing.organization() as free:
        plan_id = billing.apply(plan(VOICE, fee="10.00"))
        billing.assign(org, plan_id)
        [row] = rows(billing, [org])
        assert row["plan"] == plan_id
        assert row["cost"] == {"amount": get_costs(org, "2026-11-01", "2026-12-01")["total"], "currency": "USD"}
        assert [(one["plan"], one["cost"]) for one in rows(billing, [free])] == [(None, None)]


def test_change_compares_whole_days_with_the_same_days_of_the_month_before(
    billing: Billing, three: list[OrganizationClient]
) -> None:
    found = {row["organization_id"]: row["change"] for row in rows(billing, three, month="2026-11")}
    assert found[three[0].id] == {"now": 3, "then": 1, "change": 2, "change_percent": 200.0}
    # The call of today is not of a whole day.
    assert found[three[1].id] == {"now": 0, "then": 0, "change": 0, "change_percent": None}
    assert rows(billing, three, month="2027-01")[0]["change"] is None


def test_only_a_month_that_has_ended_is_sorted_by_change(billing: Billing, three: list[OrganizationClient]) -> None:
    found = [row["organization_id"] for row in rows(billing, three, month="2026-10", sort="-change")]
    assert found[0] == three[0].id
    for parameters in ({"month": "2026-11"}, {"from_": "2026-09-01", "to": "2026-11-01"}):
        names = {name.rstrip("_"): value for name, value in parameters.items()}
        sentence = error_of(billing.operator.get(PATH, params={"sort": "change", **names}), 422)
        assert sentence == "'sort' can be change only for one month that has ended."


def test_quarantined_events_are_counted(billing: Billing) -> None:
    with billing.organization() as org:
        org.send(conversation("bad", status="exploded"), conversation("worse", status="burst"))
        assert [row["quarantined"] for row in rows(billing, [org])] == [2]


def test_file_has_all_organizations_that_match(billing: Billing, three: list[OrganizationClient]) -> None:
    response = billing.operator.get(f"{PATH}/export", params={"month": "2026-11", "search": three[0].id})
    assert response.headers["content-disposition"] == ('attachment; filename="organizations_2026-11-01_2026-12-01.csv"')
    [row] = csv.DictReader(StringIO(response.content.decode("utf-8-sig")))
    assert (row["organization_id"], row["total_calls"], row["voice_duration_ms"]) == (three[0].id, "3", "120000")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"month": "2026-13"}, "'month' must be a month from 1970-01 to 2099-12 such as 2026-11, not '2026-13'."),
        ({"month": "2026-11", "from": "2026-11-01"}, "Give either 'month' or 'from' and 'to'."),
        ({"from": "2026-11-02", "to": "2026-12-04"}, "A range that is not of whole months has at most 31 days."),
        ({"sort": "size"}, "'sort' must be "),
        ({"limit": "101"}, "'limit' must be a whole number from 1 to 100, not '101'."),
        ({"cursor": "x"}, "'cursor' does not belong to this query"),
        ({"page": "2"}, "Unknown parameter 'page'."),
    ],
    ids=str,
)
def test_wrong_parameter_is_refused_with_a_sentence(billing: Billing, parameters: Answer, sentence: str) -> None:
    assert error_of(billing.operator.get(PATH, params=parameters), 422).startswith(sentence)


def test_only_operator_keys_read_all_organizations(billing: Billing, three: list[OrganizationClient]) -> None:
    server, org = billing.server, three[0]
    keys = {
        org.key,
        make_credential(server, org_id=org.id, scopes=("operator:read",)),
        make_credential(server, scopes=("operator:read",), kind=CredentialKind.SENDER),
        make_sender_key(server),
        make_token(server, **{org.id: "admin"}),
    }
    for key in keys:
        with client_of(server, key) as client:
            for path in (PATH, f"{PATH}/export"):
                response = client.get(path, headers={ORGANIZATION_HEADER: org.id})
                assert "operator:read" in error_of(response, 403)
    with client_of(server, None) as client:
        error_of(client.get(PATH), 401)
