"""`talkmeter forecast`: what the current month is on course for."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import open_snapshot, print_json
from talkmeter.cli.tables import print_table

if TYPE_CHECKING:
    from talkmeter.billing.forecast_answer import AmountForecast, QuantityForecast


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def forecast(org_id: str, as_json: bool) -> None:
    """Show what the current month is on course for: quantities, and the cost under the organization's plan."""
    from talkmeter.billing.forecast_answer import ForecastQuery, read_forecast

    with open_snapshot(org_id) as snapshot:
        answer = read_forecast(snapshot.connection, ForecastQuery(org_id, snapshot.present))
    if as_json:
        print_json(answer)
        return
    click.echo(f"{answer.month}, from {answer.history_days} days before {answer.day}. Ranges contain 80 % of cases.")
    if answer.reason is not None:
        click.echo(answer.reason)
        return
    rows = [_row(meter.meter, meter) for meter in answer.meters if meter.projected != "0"]
    rows += [_row(f"{charge.name}, {answer.currency}", charge.amount) for charge in answer.charges]
    if answer.cost is not None:
        rows.append(_row(f"Cost, {answer.currency}", answer.cost))
    head = ("", "to date", "projected", "low", "high", "past error")
    print_table(head, rows, numbers=head[1:])


def _row(name: str, of: "QuantityForecast | AmountForecast") -> tuple[str, ...]:
    return name, of.to_date, of.projected, of.low, of.high, of.past_error or "-"
