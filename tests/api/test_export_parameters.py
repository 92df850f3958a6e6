"""Parameters of exports: which ones are rejected and why; Parquet without its optional dependency."""

import subprocess
from pathlib import Path

import pytest

from tests.api.exports import EXPORT, csv_rows, export
from tests.api.march_usage import WINDOW
from tests.api.organizations import OrganizationClient, client_of, error_of, new_organization
from tests.api.queries import Query, assert_needs_billing_manage, get_error, get_response, repeated
from tests.events import conversation
from tests.servers import TALKMETER, environment_for, running_server

DAILY: Query = {**WINDOW, "of": "daily"}
CALLS: Query = {**WINDOW, "of": "records"}
RUNS: Query = {**CALLS, "kind": "workflow_execution"}
BREAKDOWN: Query = {**WINDOW, "of": "breakdown"}
FILTERS = "day, agent, number, widget, channel, modality, direction, workflow, status, has_duration, live, stale"
DIMENSIONS = "agent, number, widget, channel, modality, direction, status, workflow, run_status"
VALUE_FILTERS = "agent, number, widget, channel, workflow"
ALLOWED_DAILY = f"Allowed: of, format, from, to, {VALUE_FILTERS}."
ALLOWED_RECORDS = f"Allowed: of, format, from, to, kind, {FILTERS}."
ALLOWED_BREAKDOWN = f"Allowed: of, format, from, to, by, order, {VALUE_FILTERS}."
ALLOWED_ANY = f"Allowed: of, format, from, to, kind, {FILTERS}, by, order."
NO_PARQUET = (
    "Parquet needs an optional dependency that is not installed: pip install 'talkmeter[parquet]'. "
    "format=csv and format=jsonl work without it."
)
INVALID: dict[str, tuple[Query, str]] = {
    "without of": (WINDOW, "'of' is missing: it must be one of daily, records, breakdown."),
    "an empty of": ({**WINDOW, "of": ""}, "'of' must be one of daily, records, breakdown, not ''."),
    "an unknown of": ({**WINDOW, "of": "days"}, "'of' must be one of daily, records, breakdown, not 'days'."),
    "a misspelled name": ({**WINDOW, "off": "daily"}, f"Unknown parameter 'off'. {ALLOWED_ANY}"),
    "a spreadsheet": ({**DAILY, "format": "xlsx"}, "'format' must be one of csv, jsonl, parquet, not 'xlsx'."),
    "an empty format": ({**DAILY, "format": ""}, "'format' must be one of csv, jsonl, parquet, not ''."),
    "a format in capitals": ({**DAILY, "format": "CSV"}, "'format' must be one of csv, jsonl, parquet, not 'CSV'."),
    "days of a kind": ({**DAILY, "kind": "conversation"}, f"Unknown parameter 'kind'. {ALLOWED_DAILY}"),
    "days of a direction": ({**DAILY, "direction": "inbound"}, f"Unknown parameter 'direction'. {ALLOWED_DAILY}"),
    "days of an agent and a number": (
        {**DAILY, "agent": "a", "number": "n"},
        f"Give at most one of {VALUE_FILTERS}, not agent and number.",
    ),
    "days by agent": ({**DAILY, "by": "agent"}, f"Unknown parameter 'by'. {ALLOWED_DAILY}"),
    "days compared": ({**DAILY, "compare": "year"}, f"Unknown parameter 'compare'. {ALLOWED_DAILY}"),
    "records with a limit": ({**CALLS, "limit": "10"}, f"Unknown parameter 'limit'. {ALLOWED_RECORDS}"),
    "records from a cursor": ({**CALLS, "cursor": "x"}, f"Unknown parameter 'cursor'. {ALLOWED_RECORDS}"),
    "records by agent": ({**CALLS, "by": "agent"}, f"Unknown parameter 'by'. {ALLOWED_RECORDS}"),
    "records of an unknown kind": (
        {**CALLS, "kind": "agent"},
        "'kind' must be one of conversation, workflow_execution, not 'agent'.",
    ),
    "calls of a workflow": (
        {**CALLS, "workflow": "w"},
        "'workflow' is only allowed with kind=workflow_execution, not with kind=conversation.",
    ),
    "runs of an agent": (
        {**RUNS, "agent": ""},
        "'agent' is only allowed with kind=conversation, not with kind=workflow_execution.",
    ),
    "records of an unknown status": (
        {**RUNS, "status": "done"},
        "'status' must be one of cancelled, failed, running, success, waiting, not 'done'.",
    ),
    "records with an invalid flag": ({**CALLS, "live": "1"}, "'live' must be true or false, not '1'."),
    "records of another day": (
        {**CALLS, "day": "2026-04-01"},
        "'day' must be a day of the window from 2026-03-02T00:00:00Z to 2026-03-16T00:00:00Z, not 2026-04-01.",
    ),
    "a breakdown without by": (BREAKDOWN, f"'by' is missing: it must be one of {DIMENSIONS}."),
    "a breakdown by a day": ({**BREAKDOWN, "by": "day"}, f"'by' must be one of {DIMENSIONS}, not 'day'."),
    "a breakdown in another order": (
        {**BREAKDOWN, "by": "agent", "order": "runs"},
        "A breakdown by agent cannot be sorted by runs. Allowed: calls, voice, chat.",
    ),
    "a breakdown with a limit": (
        {**BREAKDOWN, "by": "agent", "limit": "5"},
        f"Unknown parameter 'limit'. {ALLOWED_BREAKDOWN}",
    ),
    "a breakdown with series": (
        {**BREAKDOWN, "by": "agent", "interval": "day"},
        f"Unknown parameter 'interval'. {ALLOWED_BREAKDOWN}",
    ),
    "a breakdown compared": (
        {**BREAKDOWN, "by": "agent", "compare": "previous"},
        f"Unknown parameter 'compare'. {ALLOWED_BREAKDOWN}",
    ),
    "a breakdown of a direction": (
        {**BREAKDOWN, "by": "agent", "direction": "inbound"},
        f"Unknown parameter 'direction'. {ALLOWED_BREAKDOWN}",
    ),
    "a breakdown of the runs of an agent": (
        {**BREAKDOWN, "by": "workflow", "agent": "a"},
        "A breakdown by workflow cannot be filtered by agent: workflow runs have no agent.",
    ),
    "a window without an end": (
        {"of": "daily", "from": "2026-03-01"},
        "'to' is missing: give both 'from' and 'to', or neither for month to date ('from' was given).",
    ),
    "a window that is too long": (
        {"of": "daily", "from": "2026-01-01", "to": "2027-01-03"},
        "The range from 2026-01-01T00:00:00Z to 2027-01-03T00:00:00Z is longer than 366 days.",
    ),
    "a control character": ({**CALLS, "agent": "a\r\nb"}, r"'agent' contains a control character: 'a\r\nb'."),
}


@pytest.mark.parametrize(("query", "sentence"), INVALID.values(), ids=INVALID)
def test_invalid_export_parameters_are_rejected_with_the_reason(
    known: OrganizationClient, query: Query, sentence: str
) -> None:
    assert get_error(known, "export", query) == sentence
    assert "Content-Disposition" not in get_response(known, "export", query).headers


@pytest.mark.parametrize("again", [{"of": "records"}, {"of": "daily"}, {"format": "csv"}, {"from": "2026-03-02"}])
def test_repeated_parameter_is_rejected(known: OrganizationClient, again: Query) -> None:
    query = repeated({**DAILY, "format": "csv"}, **again)
    assert error_of(known.client.get(f"{EXPORT}?{query}"), 422) == f"'{next(iter(again))}' is given more than once."


@pytest.mark.parametrize("query", [DAILY, CALLS, {**BREAKDOWN, "by": "agent"}], ids=lambda query: query["of"])
def test_export_needs_billing_manage(known: OrganizationClient, query: Query) -> None:
    assert_needs_billing_manage(known, "export", query)


def test_signed_in_browser_downloads_with_its_cookie(known: OrganizationClient) -> None:
    page = {"Sec-Fetch-Site": "same-origin"}
    signed_in = known.client.post("/session", headers=page)
    assert signed_in.is_success
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    with client_of(known.server, None, Cookie=cookie) as browser:
        answer = browser.get(EXPORT, params={**DAILY, "organization_id": known.id})
    assert (answer.status_code, answer.content) == (200, export(known, DAILY).content)


def test_export_allows_only_get_and_head(known: OrganizationClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        error_of(known.client.request(method, EXPORT, params=DAILY), 405)


@pytest.fixture(scope="module")
def without_pyarrow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pyarrow cannot be imported."""
    folder = tmp_path_factory.mktemp("shadow") / "pyarrow"
    folder.mkdir()
    (folder / "__init__.py").write_text('raise ImportError("pyarrow is not installed")\n')
    return {"PYTHONPATH": str(folder.parent)}


def test_server_without_pyarrow_rejects_parquet_and_exports_other_formats(
    tmp_path: Path, without_pyarrow: dict[str, str]
) -> None:
    with running_server(tmp_path, without_pyarrow) as server, new_organization(server) as org:
        org.send(conversation())
        for query in (DAILY, CALLS, {**BREAKDOWN, "by": "agent"}):
            assert get_error(org, "export", {**query, "format": "parquet"}) == NO_PARQUET
            for format_ in ("csv", "jsonl"):
                assert export(org, {**query, "format": format_}).status_code == 200
        assert len(csv_rows(export(org, DAILY).content)) == 14


def test_command_without_pyarrow_rejects_parquet_and_writes_no_file(
    tmp_path: Path, without_pyarrow: dict[str, str]
) -> None:
    environment = {**environment_for(tmp_path, {}), **without_pyarrow}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [TALKMETER, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    assert run("orgs", "add", "acme").returncode == 0
    arguments = ("export", "--org", "acme", "--of", "daily", "--from", "2026-03-01", "--to", "2026-03-02")
    refused = run(*arguments, "--format", "parquet", "--output", "days.parquet")
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"talkmeter: {NO_PARQUET}\n")
    assert list(tmp_path.glob("*parquet*")) == list(tmp_path.glob(".*parquet*")) == []
    done = run(*arguments)
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
