"""Lists and tables in the documents match the code exactly."""

import re
import tomllib

from prometheus_client.metrics import MetricWrapperBase

from talkmeter import errors, metrics
from talkmeter.api.auth.scopes import ROLES, SCOPES
from talkmeter.db.audit import Action
from talkmeter.errors import TalkmeterError
from talkmeter.ingest.event_types import (
    EVENT_TYPES,
    ORGANIZATION_UPDATED,
    ConversationData,
    InventoryData,
    OrganizationData,
    WorkflowExecutionData,
)
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
from talkmeter.setting_values import Setting
from talkmeter.settings import SETTINGS
from talkmeter.usage.summary import Day, Summary
from tests.docs.documents import DOCUMENTS, HTTP_API, MONITORING, ROOT, SETTINGS_PAGE, read

CHOICES = {
    "log_level": "`debug`, `info`, `warning`, `error`",
    "metrics_open": "`true`, `false`",
    "known_organizations_only": "`true`, `false`",
}


def settings_row(setting: Setting) -> list[str]:
    """Return the row of a setting in the table."""
    allowed = CHOICES.get(setting.name, "")
    minimum, maximum = setting.minimum, setting.maximum
    if minimum is not None:
        allowed = str(minimum) if minimum == maximum else f"{minimum} to {maximum}"
    default = f"`{setting.default}`" if setting.default else "empty"
    return [f"`{setting.variable}`", default, allowed, setting.help]


def test_table_of_settings_matches_the_code() -> None:
    assert SETTINGS_PAGE.section("All settings").rows() == [settings_row(setting) for setting in SETTINGS]


def test_limits_match_the_settings_and_the_code() -> None:
    limits = HTTP_API.section("Limits").rows()
    named = {row[2].strip("`"): row[1].replace(",", "") for row in limits if row[2]}
    default = {setting.variable: int(setting.default) for setting in SETTINGS if setting.variable in named}
    units = {"MiB": 1024 * 1024, "s": 1, "": 1}

    assert {name: int(text.split()[0]) * units["".join(text.split()[1:])] for name, text in named.items()} == default
    assert f"holds {QUARANTINE_LIMIT:,} events" in HTTP_API.section("Quarantine reasons").prose
    assert f"{MAX_WINDOW_DAYS} days long" in HTTP_API.section("Reading usage").prose.replace("\n", " ")


def test_scopes_and_roles_match_the_code() -> None:
    rows = HTTP_API.section("Roles and scopes").rows()

    assert tuple(row[0].strip("`") for row in rows) == SCOPES
    assert tuple(row[0].strip("`") for row in rows if row[1] == "yes") == ROLES["admin"]
    assert tuple(row[0].strip("`") for row in rows if row[2] == "yes") == ROLES["viewer"]


def test_quarantine_reasons_match_the_code() -> None:
    assert HTTP_API.section("Quarantine reasons").column() == [reason.value for reason in Reason]


def test_actions_of_the_audit_log_match_the_code() -> None:
    assert read("docs/how-to/audit.md").section("Actions").column() == [action.value for action in Action]


def test_receipt_bins_match_the_code() -> None:
    assert set(HTTP_API.section("The receipt").column()) == {*Outcome, "quarantined"}


def metric_row(metric: MetricWrapperBase) -> list[str]:
    """Return the row of a metric in the table: name and type as in /metrics, labels, description."""
    labels = ", ".join(f"`{name}`" for name in metric._labelnames)
    suffix = "_total" if metric._type == "counter" else ""
    return [f"`{metric._name}{suffix}`", str(metric._type), labels, metric._documentation]


def test_table_of_metrics_matches_the_code() -> None:
    values = vars(metrics).values()
    expected = [metric_row(value) for value in values if isinstance(value, MetricWrapperBase)]
    for family in values:
        if isinstance(family, metrics.Family):
            labels = ", ".join(f"`{name}`" for name in family.labels)
            expected.append([f"`{family.name}`", "gauge", labels, family.help])

    assert sorted(HTTP_API.section("Metrics").rows()) == sorted(expected)


def test_metrics_named_in_the_documents_exist() -> None:
    listed = {row[0].strip("`") for row in HTTP_API.section("Metrics").rows()}
    # The names of metadata at Stripe begin in the same way.
    metric = re.compile(r"talkmeter_(?!client|(?:line|statement|charge)\b)[a-z_]+")
    named = {name for text in DOCUMENTS for name in metric.findall(text.prose)}

    assert {name.removesuffix("_count").removesuffix("_bucket") for name in named} <= listed


def test_log_events_in_the_monitoring_page_exist() -> None:
    from_granian = {"ASGI lifespan startup failed", "Unexpected exit from worker-1"}
    source = "\n".join(path.read_text() for path in (ROOT / "src" / "talkmeter").rglob("*.py"))
    listed = {event for row in MONITORING.section("Logs").rows() for event in re.findall(r"`([^`]+)`", row[1])}

    assert len(listed) > 10
    assert {event for event in listed - from_granian if f'"{event}"' not in source} == set()


def test_glossary_has_at_most_fifteen_words_and_a_sentence_for_each() -> None:
    rows = read("docs/glossary.md").rows()

    assert 0 < len(rows) <= 15
    assert all(word and meaning.endswith(".") and standard for word, meaning, standard in rows)


def test_error_statuses_match_the_code() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    ours = {error.status for error in classes if issubclass(error, TalkmeterError)}
    litestars = {405}

    assert {int(status) for status in HTTP_API.section("Errors").column()} == ours | litestars


def test_event_types_and_fields_match_the_code() -> None:
    types = HTTP_API.section("Types and their data")
    rows = {row[0].strip("`"): row for row in types.rows() if "." in row[0]}
    fields = {
        name: {word.strip("`") for cell in row[1:] for word in re.findall(r"`\w+`", cell)} for name, row in rows.items()
    }
    common = {"id", "organization_id"}
    known = {
        "conversation.updated": ConversationData,
        "workflow_execution.updated": WorkflowExecutionData,
        ORGANIZATION_UPDATED: OrganizationData,
    }

    assert set(rows) == {*EVENT_TYPES, ORGANIZATION_UPDATED}
    for name, type_ in known.items():
        assert fields[name] | common == set(type_.__struct_fields__), name
    inventory = set().union(*(fields[f"{kind}.updated"] for kind in Kind if f"{kind}.updated" not in known))
    assert inventory | common == set(InventoryData.__struct_fields__)


def test_record_statuses_match_the_code() -> None:
    rows = {row[0]: row[1] for row in HTTP_API.section("Types and their data").rows()}

    def statuses(record: str, label: str) -> set[str]:
        return set(re.findall(r"`(\w+)`", rows[f"`status` of a {record}"].split(f"{label}: ")[1].split(";")[0]))

    assert statuses("conversation", "live") == LIVE_STATUSES
    assert statuses("conversation", "terminal") == TERMINAL_STATUSES
    assert statuses("run", "live") == LIVE_RUN_STATUSES
    assert statuses("run", "terminal") == TERMINAL_RUN_STATUSES


def test_summary_fields_match_the_code() -> None:
    reading = HTTP_API.section("Reading usage")
    listed = {name for row in reading.rows() if len(row) == 3 for name in re.findall(r"`(\w+)`", row[0])}
    point = reading.prose.split("An entry of `daily` has ")[1].split(". ")[0]

    assert listed == {name.removesuffix("_") for name in Summary.__struct_fields__}
    assert set(re.findall(r"`([a-z_]+)`", point)) == set(Day.__struct_fields__)


def test_every_dependency_is_in_the_decision_about_libraries() -> None:
    rows = read("docs/decisions/0001-libraries.md").rows()
    named = {name for row in rows for name in re.findall(r"[a-z][\w.-]+", row[0].replace("(Core)", ""))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = {re.split(r"[\[<>=;]", dependency)[0] for dependency in project["dependencies"]} - {"talkmeter-client"}
    lines = (ROOT / "requirements" / "dev.in").read_text().splitlines()
    dev = {re.split(r"[<>=;]", line)[0] for line in lines if re.match(r"[a-z]", line)}

    assert named == run | dev | {"uvloop"}
