"""The rules and the dashboard in examples/monitoring name metrics that exist, and match the documentation."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.docs.documents import HTTP_API, read
from tests.unit.prose import ROOT

FOLDER: Final = ROOT / "examples" / "monitoring"
ALERTS: Final = read("docs/how-to/monitoring.md").section("Metrics to watch")
OTHERS: Final = {
    *("up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes", "process_resident_memory_bytes"),
    *("process_open_fds", "process_max_fds", "process_start_time_seconds"),
}
"""Metrics of Prometheus, of its node exporter, and those that every process of a Prometheus client has."""
OTHER_LABELS: Final = {"job", "le"}
FUNCTIONS: Final = {
    *("sum", "rate", "increase", "time", "max", "min", "count", "changes", "by", "or", "histogram_quantile"),
}
_NAME: Final = re.compile(r'(?<![\w"$.])[a-z_]{2,}\b(?!")')


class Rule(msgspec.Struct, rename={"for_": "for"}, forbid_unknown_fields=True):
    """A rule of Prometheus."""

    alert: str
    expr: str
    for_: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """A group of rules."""

    name: str
    rules: list[Rule]


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """A file of rules."""

    groups: list[Group]


class Target(msgspec.Struct):
    """A query of a panel."""

    expr: str


class Panel(msgspec.Struct):
    """A panel of a dashboard."""

    title: str
    targets: list[Target]


class Dashboard(msgspec.Struct):
    """The parts of a dashboard that are compared."""

    panels: list[Panel]


def rules() -> list[Rule]:
    [group] = msgspec.yaml.decode(Path(FOLDER, "alerts.yml").read_text(), type=Rules).groups
    return group.rules


def expressions() -> list[str]:
    dashboard = msgspec.json.decode(Path(FOLDER, "dashboard.json").read_text(), type=Dashboard)
    return [rule.expr for rule in rules()] + [one.expr for panel in dashboard.panels for one in panel.targets]


def metrics() -> dict[str, set[str]]:
    """Return the names of all series with their labels."""
    found = {}
    for name, kind, labels, _ in HTTP_API.section("Metrics").rows():
        names = {name.strip("`")}
        if kind == "histogram":
            names = {f"{name.strip('`')}_{suffix}" for suffix in ("bucket", "count", "sum")}
        found.update({series: set(re.findall(r"`(\w+)`", labels)) for series in names})
    return found


@pytest.mark.parametrize("expression", expressions())
def test_names_of_an_expression_are_metrics_and_labels_that_exist(expression: str) -> None:
    known = metrics()
    plain = re.sub(r"\[[^\]]*\]", "", expression)
    names = set(_NAME.findall(plain)) - FUNCTIONS
    used = {name for name in names if name in known or name in OTHERS}
    labels = {label for name in used for label in known.get(name, set())} | OTHER_LABELS
    assert used
    assert names - used <= labels
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_rules_are_those_of_the_documentation() -> None:
    documented = {
        "Talkmeter" + "".join(word.capitalize() for word in row[0].split()): (
            re.findall(r"`([^`]+)`", row[1])[0],
            row[2].replace(" min", "m").replace(" h", "h"),
            row[3],
        )
        for row in ALERTS.rows()
    }
    written = {rule.alert: (rule.expr, rule.for_, rule.labels["severity"]) for rule in rules()}
    assert list(written) == list(documented)
    for name, (expression, for_, severity) in documented.items():
        assert written[name][0].startswith(expression)
        assert written[name][1:] == (for_, severity)
