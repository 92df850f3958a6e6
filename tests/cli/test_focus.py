"""`talkmeter statements export --format focus`: the file against the columns and rules of FOCUS 1.2."""

import csv
import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.closed_months import ADJUSTMENT, LINES, MONTH, PLAN, adjust, close, terminal_with_usage
from tests.cli.focus_columns import AGREED_PRICES, COLUMNS, LISTED, MEASURED_USAGE, NEGOTIATED, FocusColumn, Type
from tests.cli.terminal import Terminal

SUPPORTED = {AGREED_PRICES, MEASURED_USAGE, NEGOTIATED, LISTED}
"""What Talkmeter has; the columns about anything else may be absent."""
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MONTHS = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
Row = dict[str, str]


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object whose keys begin with x_."""
    value = json.loads(text)
    return isinstance(value, dict) and all(key.startswith("x_") for key in value)


TYPES: dict[Type, Callable[[str], object]] = {
    "string": lambda text: text.isprintable() and text == text.strip(),
    "decimal": DECIMAL.fullmatch,
    "datetime": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"),  # noqa: DTZ007  only its form matters
    "json": is_object,
}


def export(terminal: Terminal, *options: str) -> list[Row]:
    """Return the rows of the file."""
    terminal.run("statements", "export", *MONTH, "--format", "focus", "--output", "focus.csv", *options)
    with (terminal.folder / "focus.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The rows of two organizations; one has an adjustment, and a charge for items."""
    numbers = """
[[plans.pro.charges]]
id = "numbers"
name = "Numbers"
meter = "phone_numbers"
price = "1.15"
"""
    terminal = terminal_with_usage(tmp_path_factory.mktemp("focus"), "acme", "globex", plan=PLAN + numbers)
    terminal.run("orgs", "add", "acme", "--name", "Acme Bank")
    close(terminal)
    # Two days of a number in March are 2/31 of 1.15.
    numbers_of_acme = "UPDATE statement_line SET base_quantity = 2, amount = 7 WHERE org_id = ? AND line = ?"
    terminal.change(numbers_of_acme, "acme", "numbers")
    adjust(terminal, "acme")
    return export(terminal)


def allowed(column: FocusColumn, text: str) -> bool:
    """Return whether a column may have a cell."""
    if not text:
        return column.nullable
    return bool(TYPES[column.type](text)) and (not column.allowed or text in column.allowed)


def test_all_required_columns_are_there_in_order_and_ours_follow(rows: list[Row]) -> None:
    present = list(rows[0])
    required = {one.name for one in COLUMNS if one.level == "mandatory" or one.condition in SUPPORTED}
    focus = [name for name in present if not name.startswith("x_")]

    assert required <= set(present)
    assert focus == [column.name for column in COLUMNS if column.name in present]
    assert present[len(focus) :] == ["x_Line", "x_Plan", "x_PlanVersion", "x_StatementNumber"]


def test_every_cell_has_the_type_and_values_of_its_column(rows: list[Row]) -> None:
    columns = {column.name: column for column in COLUMNS}
    wrong = [
        (name, text)
        for row in rows
        for name, text in row.items()
        if name in columns and not allowed(columns[name], text)
    ]

    assert wrong == []


def test_nulls_depend_on_category_and_class_as_the_specification_says(rows: list[Row]) -> None:
    priced = ("PricingQuantity", "PricingUnit", "PricingCategory", "SkuId", "SkuPriceId", "ListUnitPrice")
    for row in rows:
        is_correction, category = row["ChargeClass"] == "Correction", row["ChargeCategory"]
        if category in ("Usage", "Purchase") and not is_correction:
            assert all(row[name] for name in (*priced, "ContractedUnitPrice")), row
        if not is_correction:
            assert bool(row["ConsumedQuantity"]) is (category == "Usage"), row
            assert not row["ConsumedQuantity"] or Decimal(row["ConsumedQuantity"]) > 0, row
        assert bool(row["ConsumedQuantity"]) is bool(row["ConsumedUnit"]), row
        assert bool(row["PricingQuantity"]) is bool(row["PricingUnit"]), row
        assert row["SkuId"] or not (row["SkuMeter"] or row["SkuPriceId"]), row
        assert row["SkuPriceId"] or not row["SkuPriceDetails"], row
        assert category != "Purchase" or row["ChargeFrequency"] != "Usage-Based", row


def test_unit_price_times_quantity_is_the_cost(rows: list[Row]) -> None:
    with_price = [row for row in rows if row["ContractedUnitPrice"]]

    assert len(with_price) == 13
    for row in with_price:
        product = Decimal(row["ContractedUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert product == Decimal(row["ContractedCost"]) == Decimal(row["ListCost"]), row
    for row in rows:
        assert row["EffectiveCost"] == row["BilledCost"], row
        if not row["ContractedUnitPrice"]:
            assert row["ContractedCost"] == row["BilledCost"], row


def test_rows_add_up_to_the_lines_of_each_statement(rows: list[Row]) -> None:
    def lines(invoice: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in rows:
            if row["InvoiceId"] == invoice:
                found[row["x_Line"]] = found.get(row["x_Line"], 0) + int(Decimal(row["BilledCost"]) * 100)
        return found

    assert lines("globex/2026-03/0") == LINES
    assert lines("acme/2026-03/0") == {**LINES, "numbers": 7}
    assert lines("acme/2026-03/1") == {**ADJUSTMENT, "numbers": -7}
    assert {row["InvoiceId"]: row["BillingAccountId"] for row in rows} == {
        "acme/2026-03/0": "acme",
        "acme/2026-03/1": "acme",
        "globex/2026-03/0": "globex",
    }


def test_adjustment_is_a_correction_of_the_original_charge_period(rows: list[Row]) -> None:
    for row in rows:
        billing = row["BillingPeriodStart"], row["BillingPeriodEnd"]
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == MONTHS
        if row["x_StatementNumber"] == "0":
            assert (row["ChargeClass"], billing) == ("", MONTHS)
        else:
            # The statement was written today, after the month that it corrects.
            assert row["ChargeClass"] == "Correction"
            assert MONTHS[1] <= billing[0] < billing[1]


def test_each_tier_is_a_row_with_its_own_price(rows: list[Row]) -> None:
    tiers = [row for row in rows if (row["InvoiceId"], row["x_Line"]) == ("globex/2026-03/0", "calls")]

    columns = ("SkuPriceId", "PricingQuantity", "ContractedUnitPrice", "ContractedCost", "BilledCost")
    assert [tuple(row[name] for name in columns) for row in tiers] == [
        ("pro/calls/from-0", "2", "0.5", "1", "1.00"),
        ("pro/calls/from-2", "2", "0.333", "0.666", "0.67"),
        ("pro/calls/from-4", "2", "0.1", "0.2", "0.20"),
    ]
    [runs] = [row for row in rows if (row["InvoiceId"], row["x_Line"]) == ("globex/2026-03/0", "runs")]
    assert (runs["ConsumedQuantity"], runs["PricingQuantity"], runs["PricingUnit"]) == ("3", "2", "2 Runs")


def test_items_are_consumed_in_days_and_priced_by_the_month(rows: list[Row]) -> None:
    [numbers, correction] = [row for row in rows if row["x_Line"] == "numbers"]

    assert (numbers["ConsumedQuantity"], numbers["ConsumedUnit"]) == ("2", "Item-Days")
    assert (numbers["PricingQuantity"], numbers["PricingUnit"]) == ("0.064516", "Item-Months")
    assert (correction["ConsumedQuantity"], correction["ConsumedUnit"]) == ("-2", "Item-Days")


def test_names_of_organization_and_provider_are_in_the_file(rows: list[Row], tmp_path: Path) -> None:
    assert {row["BillingAccountName"] for row in rows} == {"Acme Bank", ""}

    terminal = terminal_with_usage(tmp_path, "acme", "globex")
    close(terminal)
    terminal.run("orgs", "add", "acme", "--name", "=HYPERLINK(1)")
    terminal.environment["TALKMETER_PROVIDER_NAME"] = "Voices Ltd"
    found = export(terminal, "--org", "acme")

    assert {row["BillingAccountName"] for row in found} == {"'=HYPERLINK(1)"}
    assert {row["InvoiceIssuerName"] for row in found} == {"Voices Ltd"}
    assert not (terminal.folder / "focus.csv").read_bytes().startswith(b"\xef\xbb\xbf")
