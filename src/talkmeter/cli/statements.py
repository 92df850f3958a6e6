"""`talkmeter statements`: close months, adjust closed ones, and show or export their statements."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.cli.output import write_output
from talkmeter.cli.tables import print_list, print_table
from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from talkmeter.billing.statement_store import Statement
    from talkmeter.db.audit import Actor
    from talkmeter.db.engine import Engine

    Write = Callable[[Engine, Iterable[str], int, Actor, int], Iterator[Statement]]

MONTH = click.option("--month", required=True, metavar="MONTH", help="The month, such as 2026-10.")
ORG = click.option("--org", "org_id", help="One organization. Default: all.")


@click.group()
def statements() -> None:
    """Close months into statements, which never change, and adjust them."""


@statements.command("close")
@MONTH
@ORG
def close(month: str, org_id: str | None) -> None:
    """Write the statement of a past month for each organization with a plan. A second close changes nothing."""
    from talkmeter.billing.statements import close_month

    _write(month, org_id, close_month, "closed", "No organization with a plan is left to close.")


@statements.command("adjust")
@MONTH
@ORG
def adjust(month: str, org_id: str | None) -> None:
    """Write an adjustment for each closed organization whose usage of the month has changed its costs since."""
    from talkmeter.billing.statements import adjust_month

    _write(month, org_id, adjust_month, "adjusted", "No costs have changed since the last statements.")


def _write(month_text: str, org_id: str | None, write: "Write", done: str, nothing: str) -> None:
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.months import read_month

    month, written = read_month("--month", month_text), 0
    with open_database() as engine:
        open_ones = _organizations(engine, org_id, only_open=True)
        for statement in write(engine, open_ones, month, operator(), clock.now()):
            written += 1
            click.echo(f"{statement.org_id}: {done} {month_text} with {_total(statement)}")
    click.echo(
        f"{written:,} {'statement' if written == 1 else 'statements'} written."
        if written
        else f"Nothing to do: {nothing}",
        err=True,
    )


@statements.command("list")
@click.option("--month", metavar="MONTH", help="Only this month. Default: all.")
@ORG
def list_(month: str | None, org_id: str | None) -> None:
    """List statements."""
    from talkmeter.billing.statement_store import read_statements
    from talkmeter.cli.database import open_database
    from talkmeter.db.engine import reading
    from talkmeter.months import FIRST_YEAR, LAST_YEAR, format_month, read_month
    from talkmeter.period import format_instant

    first, last = FIRST_YEAR * 12, LAST_YEAR * 12 + 11
    if month is not None:
        first = last = read_month("--month", month)
    rows = []
    with open_database() as engine:
        for one in _organizations(engine, org_id):
            with reading(engine) as connection:
                found = read_statements(connection, one, first, last)
            for statement in found:
                kind = f"adjustment {statement.number}" if statement.number else "statement"
                plan = f"{statement.plan_id} version {statement.version}"
                created = format_instant(statement.created_at)
                rows.append((one, format_month(statement.month), kind, plan, _total(statement), created))
    print_list(("organization", "month", "statement", "plan", "total", "created"), rows)


@statements.command("show")
@click.option("--org", "org_id", required=True, help="The organization.")
@MONTH
def show(org_id: str, month: str) -> None:
    """Print the lines of an organization's statements of a month."""
    from talkmeter.billing.plans import read_plans
    from talkmeter.billing.statement_export import charge_of, quantity_text
    from talkmeter.billing.statement_store import read_statements
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.db.engine import reading
    from talkmeter.months import read_month
    from talkmeter.period import format_instant

    number = read_month("--month", month)
    with open_database() as engine:
        require_organization(engine, org_id)
        with reading(engine) as connection:
            plans = read_plans(connection)
            found = read_statements(connection, org_id, number, number)
    if not found:
        raise OperationFailed(f"{month} of '{org_id}' has no statement; 'talkmeter statements close' writes it.")
    for statement in found:
        kind = f"Adjustment {statement.number}" if statement.number else "Statement"
        plan = f"plan {statement.plan_id}, version {statement.version}"
        click.echo(f"{kind} of {month}, {plan}, written at {format_instant(statement.created_at)}")
        rows = []
        for line in statement.lines:
            units = ""
            if (charge := charge_of(plans, statement, line)) is not None:
                units = f"{quantity_text(charge, line.base_quantity, number)} {charge.priced.unit}s"
            rows.append((line.name, units, _amount(statement.currency, line.amount)))
        rows.append(("Sum", "", _total(statement)))
        print_table(("charge", "quantity", "amount"), rows, numbers=("quantity", "amount"))


@statements.command("export")
@MONTH
@ORG
@click.option("--format", "format_", type=click.Choice(["csv", "jsonl", "focus"]), default="csv", help="Default: csv.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write. Default: stdout.")
def export(month: str, org_id: str | None, format_: str, output: Path | None) -> None:
    """Export the lines of a month's statements, one row each; focus is CSV as the specification FOCUS 1.2 says."""
    from talkmeter.billing.focus import focus_rows, write_focus
    from talkmeter.billing.statement_export import COLUMNS, statement_rows
    from talkmeter.cli.database import open_database
    from talkmeter.months import read_month
    from talkmeter.settings import load_settings
    from talkmeter.usage.formats import FORMATS, write_rows

    number, settings = read_month("--month", month), load_settings()
    with open_database(settings) as engine:
        names = _organizations(engine, org_id)

        def write(out: IO[bytes]) -> None:
            if format_ == "focus":
                write_focus(focus_rows(engine, names, number, settings.provider_name), out)
                return
            chosen = next(one for one in FORMATS if one == format_)
            write_rows(chosen, COLUMNS, statement_rows(engine, names, number), out, lambda: None)

        write_output(output, write)


@statements.group("push")
def push() -> None:
    """Send statements to a payment provider."""


@push.command("stripe")
@MONTH
@ORG
@click.option("--dry-run", is_flag=True, help="Print the invoice items, and send nothing.")
def push_stripe(month: str, org_id: str | None, dry_run: bool) -> None:
    """Create an invoice item in Stripe for each line that is not 0. A second push creates nothing.

    The key is in TALKMETER_STRIPE_KEY or in the file of TALKMETER_STRIPE_KEY_FILE.
    """
    from talkmeter.cli.database import open_database
    from talkmeter.cli.stripe import preview, push_and_print
    from talkmeter.months import read_month
    from talkmeter.settings import load_settings

    number, settings = read_month("--month", month), load_settings()
    with open_database(settings) as engine:
        run = preview if dry_run else push_and_print
        run(engine, settings, list(_organizations(engine, org_id)), number)


def _organizations(engine: "Engine", org_id: str | None, *, only_open: bool = False) -> dict[str, str | None]:
    """Return the names of one organization, or of all, by id; `only_open` leaves out closed ones.

    Raises OperationFailed if the organization does not exist.
    """
    from talkmeter.cli.database import require_organization
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations

    if org_id is not None:
        require_organization(engine, org_id)
    with reading(engine) as connection:
        listed = list_organizations(connection)
    names = {one.org_id: one.name for one in listed if one.closed is None or not only_open}
    return names if org_id is None else {org_id: names.get(org_id)}


def _total(statement: "Statement") -> str:
    return _amount(statement.currency, statement.total)


def _amount(currency: str, minor: int) -> str:
    from talkmeter.billing.money import amount_text

    return f"{amount_text(minor, currency)} {currency}"
