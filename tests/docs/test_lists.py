"""What the documents list is what the code has: no more, no less, in the same words."""

import re
import tomllib

from prometheus_client.metrics import MetricWrapperBase

from talkmeter import errors, metrics
from talkmeter.api.auth.scopes import ROLES, SCOPES
from talkmeter.errors import TalkmeterError
from talkmeter.ingest.cloudevents import EVENT_TYPES, ConversationData, InventoryData, WorkflowExecutionData
from talkmeter.ledger.batch import Reason
from talkmeter.ledger.write import QUARANTINE_LIMIT
from talkmeter.period import MAX_WINDOW_DAYS
from talkmeter.records import (
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    TERMINAL_RUN_STATUSES,
    TERMINAL_STATUSES,
    Kind,
    Outcome,
)
from talkmeter.settings import SETTINGS, Setting
from talkmeter.usage.summary import Day, Summary
from tests.docs.documents import DOCUMENTS, HTTP_API, OPERATING, ROOT, read

CHOICES = {"log_level": "`debug`, `info`, `warning`, `error`", "metrics_open": "`true`, `false`"}


def settings_row(setting: Setting) -> list[str]:
    """The row of a setting in the table."""
    allowed = CHOICES.get(setting.name, "")
    if setting.least is not None:
        allowed = str(setting.least) if setting.least == setting.most else f"{setting.least} to {setting.most}"
    default = f"`{setting.default}`" if setting.default else "empty"
    return [f"`{setting.variable}`", default, allowed, setting.help]


def test_the_table_of_settings_is_the_one_of_the_code() -> None:
    assert OPERATING.section("Settings").rows() == [settings_row(setting) for setting in SETTINGS]


def test_the_limits_are_those_of_the_settings_and_the_code() -> None:
    limits = HTTP_API.section("Limits").rows()
    named = {row[2].strip("`"): row[1].replace(",", "") for row in limits if row[2]}
    default = {setting.variable: int(setting.default) for setting in SETTINGS if setting.variable in named}
    units = {"MiB": 1024 * 1024, "s": 1, "": 1}

    assert {name: int(text.split()[0]) * units["".join(text.split()[1:])] for name, text in named.items()} == default
    assert f"holds {QUARANTINE_LIMIT:,} events" in HTTP_API.section("Quarantine reasons").prose
    assert f"{MAX_WINDOW_DAYS} days long" in HTTP_API.section("Reading usage").prose.replace("\n", " ")


def test_the_scopes_and_what_a_role_has_are_those_of_the_code() -> None:
    rows = HTTP_API.section("Roles and scopes").rows()

    assert tuple(row[0].strip("`") for row in rows) == SCOPES
    assert tuple(row[0].strip("`") for row in rows if row[1] == "yes") == ROLES["admin"]
    assert tuple(row[0].strip("`") for row in rows if row[2] == "yes") == ROLES["viewer"]


def test_the_reasons_of_quarantine_are_those_of_the_code() -> None:
    assert HTTP_API.section("Quarantine reasons").column() == [reason.value for reason in Reason]


def test_the_bins_of_the_receipt_are_those_of_the_code() -> None:
    assert set(HTTP_API.section("The receipt").column()) == {*Outcome, "quarantined"}


def exposed(metric: MetricWrapperBase) -> list[str]:
    """Name, type and labels of a metric, as the table and /metrics write them."""
    labels = ", ".join(f"`{name}`" for name in metric._labelnames)
    suffix = "_total" if metric._type == "counter" else ""
    return [f"`{metric._name}{suffix}`", str(metric._type), labels, metric._documentation]


def test_the_metrics_are_those_of_the_code() -> None:
    there = [exposed(one) for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]

    assert sorted(HTTP_API.section("Metrics").rows()) == sorted(there)


def test_every_metric_to_watch_exists() -> None:
    there = {row[0].strip("`") for row in HTTP_API.section("Metrics").rows()}
    watched = {name for text in DOCUMENTS for name in re.findall(r"talkmeter_[a-z_]+", text.prose)}

    assert {name.removesuffix("_count") for name in watched} <= there


def test_the_statuses_of_errors_are_those_of_the_code() -> None:
    ours = {one.status for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TalkmeterError)}
    litestars = {405}

    assert {int(status) for status in HTTP_API.section("Errors").column()} == ours | litestars


def test_the_types_of_events_and_their_fields_are_those_of_the_code() -> None:
    types = HTTP_API.section("Types and their data")
    rows = {row[0].strip("`"): row for row in types.rows() if "." in row[0]}
    fields = {
        name: {word.strip("`") for cell in row[1:] for word in re.findall(r"`\w+`", cell)} for name, row in rows.items()
    }
    common = {"id", "organization_id"}
    known = {"conversation.updated": ConversationData, "workflow_execution.updated": WorkflowExecutionData}

    assert set(rows) == set(EVENT_TYPES)
    for name, type_ in known.items():
        assert fields[name] | common == set(type_.__struct_fields__), name
    inventory = set().union(*(fields[f"{kind}.updated"] for kind in Kind if f"{kind}.updated" not in known))
    assert inventory | common == set(InventoryData.__struct_fields__)


def test_the_statuses_of_conversations_and_runs_are_those_of_the_code() -> None:
    rows = {row[0]: row[1] for row in HTTP_API.section("Types and their data").rows()}

    def named(where: str, after: str) -> set[str]:
        return set(re.findall(r"`(\w+)`", rows[f"`status` of a {where}"].split(f"{after}: ")[1].split(";")[0]))

    assert named("conversation", "live") == LIVE_STATUSES
    assert named("conversation", "terminal") == TERMINAL_STATUSES
    assert named("run", "live") == LIVE_RUN_STATUSES
    assert named("run", "terminal") == TERMINAL_RUN_STATUSES


def test_the_fields_of_the_summary_are_those_of_the_code() -> None:
    reading = HTTP_API.section("Reading usage")
    listed = {name for row in reading.rows() if len(row) == 3 for name in re.findall(r"`(\w+)`", row[0])}
    point = reading.prose.split("An entry of `daily` has ")[1].split(". ")[0]

    assert listed == {name.removesuffix("_") for name in Summary.__struct_fields__}
    assert set(re.findall(r"`([a-z_]+)`", point)) == set(Day.__struct_fields__)


def test_every_library_has_its_row_and_its_reason() -> None:
    rows = read("docs/decisions/0001-libraries.md").rows()
    named = {name for row in rows for name in re.findall(r"[a-z][\w.-]+", row[0].replace("(Core)", ""))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = {re.split(r"[\[<>=;]", one)[0] for one in project["dependencies"]}
    lines = (ROOT / "requirements" / "dev.in").read_text().splitlines()
    dev = {re.split(r"[<>=]", line)[0] for line in lines if re.match(r"[a-z]", line)}

    assert named == run | dev | {"uvloop"}
