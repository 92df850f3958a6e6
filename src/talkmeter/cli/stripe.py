"""`talkmeter statements push stripe`, and its preview."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.operator import operator
from talkmeter.cli.tables import print_list
from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from talkmeter.billing.stripe_push import OrgPush
    from talkmeter.db.engine import Engine
    from talkmeter.settings import Settings


def preview(engine: "Engine", settings: "Settings", org_ids: list[str], month: int) -> None:
    """Print each line and what a push would do. Sends nothing."""
    _require_stripe()
    from talkmeter.billing.money import amount_text
    from talkmeter.billing.plans import read_plans
    from talkmeter.billing.push_store import read_customer
    from talkmeter.billing.stripe_api import read_stripe_key
    from talkmeter.billing.stripe_push import problem_of, push_lines
    from talkmeter.db.engine import reading

    mode, rows = read_stripe_key(settings).mode, []
    with reading(engine) as connection:
        plans = read_plans(connection)
    for org_id in org_ids:
        with reading(engine) as connection:
            lines, customer = push_lines(connection, plans, org_id, month, mode), read_customer(connection, org_id)
        problem = problem_of(lines, customer)
        for line in lines:
            currency = line.statement.currency
            amount = f"{amount_text(line.line.amount, currency)} {currency}"
            rows.append((org_id, line.description, amount, line.state if problem is None else problem))
    print_list(("organization", "invoice item", "amount", f"state ({mode} mode)"), rows)


def push_and_print(engine: "Engine", settings: "Settings", org_ids: list[str], month: int) -> None:
    """Push, and print a line for each organization. Raises OperationFailed if any could not be pushed."""
    _require_stripe()
    from contextlib import closing

    from talkmeter.billing.stripe_api import StripeApi, read_stripe_key
    from talkmeter.billing.stripe_push import push_month

    key = read_stripe_key(settings)
    failed: list[OrgPush] = []
    items = 0
    with closing(StripeApi(key, settings.stripe_url)) as api:
        for done in push_month(engine, api, key.mode, org_ids, month, operator()):
            items += done.created + done.found
            if done.problem is None:
                found = f", {done.found:,} found there" if done.found else ""
                created = "1 invoice item" if done.created == 1 else f"{done.created:,} invoice items"
                click.echo(f"{done.org_id}: {created} created for {done.customer}{found}")
            else:
                failed.append(done)
                if len(org_ids) > 1:
                    click.echo(f"{done.org_id}: {done.problem}", err=True)
    if failed and len(org_ids) == 1:
        raise OperationFailed(failed[0].problem or "")
    if failed:
        organizations = "1 organization" if len(failed) == 1 else f"{len(failed):,} organizations"
        raise OperationFailed(f"{organizations} could not be pushed; run the command again for them.")
    click.echo(
        "Done." if items else "Nothing to push: there is no statement of the month with a line that is not in Stripe.",
        err=True,
    )


def _require_stripe() -> None:
    """Raise OperationFailed if the library of Stripe is not installed."""
    try:
        import stripe  # noqa: F401  an optional dependency
    except ImportError:
        raise OperationFailed(
            "Pushing to Stripe needs an optional dependency that is not installed: pip install 'talkmeter[stripe]'."
        ) from None
