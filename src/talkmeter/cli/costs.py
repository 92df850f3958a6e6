"""`talkmeter costs`: what an organization's usage costs under its plan."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import open_snapshot, options, parameters_of, print_json
from talkmeter.cli.tables import print_table

if TYPE_CHECKING:
    from talkmeter.billing.costs import ChargeCost, Costs, MonthCosts

_OPTIONS = {
    "from": "First day, YYYY-MM-DD. Default: month to date.",
    "to": "The day after the last one.",
    "by": "Split by charge, agent, number, widget, channel, direction or workflow.",
    "limit": "Maximum number of rows of the split.",
}


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@options(_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def costs(org_id: str, as_json: bool, **flags: str | None) -> None:
    """Show what an organization's usage costs, by charge or by a dimension."""
    from talkmeter.billing.costs import read_costs
    from talkmeter.billing.parameters import read_costs_query

    parameters = parameters_of(flags)
    with open_snapshot(org_id) as snapshot:
        answer = read_costs(snapshot.connection, read_costs_query(org_id, parameters, snapshot.present))
    if as_json:
        print_json(answer)
        return
    if answer.total is None:
        click.echo(f"{org_id} has no plan from {answer.from_} to {answer.to} (end excluded), so there are no costs.")
        return
    for month in answer.months:
        _print_month(month, answer.currency or "")
    if answer.rows is not None:
        _print_rows(answer)
    click.echo(f"Total from {answer.from_} to {answer.to} (UTC, end excluded): {answer.total} {answer.currency}")


def _print_month(month: "MonthCosts", currency: str) -> None:
    from talkmeter.billing.plan import FEE_NAME, MINIMUM_NAME

    if month.plan is None:
        click.echo(f"{month.month}: no plan\n")
        return
    click.echo(f"{month.month}: plan {month.plan}, version {month.version}, {month.state}")
    rows = [_charge_row(charge) for charge in month.charges]
    for name, amount in ((FEE_NAME, month.fee), (MINIMUM_NAME, month.minimum_charge)):
        if amount is not None and amount.strip("0."):
            rows.append((name, "", "", amount))
    rows.append(("Sum", "", "", month.total or ""))
    print_table(("charge", "quantity", "price", currency), rows, numbers=("quantity", currency))
    if month.difference is not None:
        click.echo(f"Statements: {month.closed_total} {currency}; difference since: {month.difference} {currency}")
    click.echo()


def _charge_row(charge: "ChargeCost") -> tuple[str, str, str, str]:
    quantity = f"{charge.quantity} {charge.unit}s"
    if charge.tiers is None:
        return charge.name, quantity, "", charge.amount
    if charge.packages is not None:
        price = f"{charge.packages} packages of {charge.package} at {charge.tiers[0].price}"
    else:
        price = " + ".join(f"{tier.quantity} at {tier.price}" for tier in charge.tiers)
    included = f"{charge.included} included, " if charge.included not in (None, "0") else ""
    return charge.name, quantity, included + price, charge.amount


def _print_rows(answer: "Costs") -> None:
    rows = [(row.value or "(none)", row.name or "", row.amount) for row in answer.rows or ()]
    if answer.others is not None and answer.others.values:
        rows.append((f"{answer.others.values} others", "", answer.others.amount))
    rows += [(line.id, f"{line.name} (not split)", line.amount) for line in answer.unallocated or ()]
    print_table(("value", "name", answer.currency or ""), rows, numbers=(answer.currency or "",))
    click.echo()
