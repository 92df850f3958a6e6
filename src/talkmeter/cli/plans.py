"""`talkmeter plans`: apply plans from a file, list and show them, and assign them to organizations."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from talkmeter.billing.apply import Changes

RESTATE = click.option(
    "--restate", is_flag=True, help="Allow a start before the current month, which changes the costs of past months."
)


@click.group()
def plans() -> None:
    """Manage plans: prices of usage, and which organization has which plan."""


@plans.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@RESTATE
def apply(file: Path, dry_run: bool, restate: bool) -> None:
    """Apply the plans of a TOML file: new plans, and new versions of changed ones. Plans are never deleted."""
    from talkmeter.billing.apply import apply_changes, check_start, plan_changes
    from talkmeter.billing.plan_file import read_plan_file
    from talkmeter.billing.plans import read_plans
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.engine import reading, writing
    from talkmeter.period import day_of

    contents, default = read_plan_file(file)
    now = clock.now()
    with open_database() as engine, reading(engine) if dry_run else writing(engine) as connection:
        changes = plan_changes(read_plans(connection), contents, default, day_of(now))
        if dry_run:
            check_start(changes, now, restate=restate)
        else:
            apply_changes(connection, changes, operator(), now, restate=restate)
    _print_changes(changes)
    if not changes:
        click.echo("Nothing to change: all plans of the file are stored already.")
    elif dry_run:
        click.echo("Nothing was changed: leave out --dry-run to apply this.")


def _print_changes(changes: "Changes") -> None:
    from talkmeter.months import format_month

    for change in changes.versions:
        version = f"version {change.number}, effective {change.content.effective}"
        compared = "new plan" if change.before is None else f"compared with version {change.before.version}"
        click.echo(f"{change.plan_id}: {version} ({compared})")
        for line in change.lines():
            click.echo(f"  {line}")
    if changes.default is not None:
        month, plan_id = changes.default
        click.echo(f"default plan: {plan_id or 'none'}, from {format_month(month)}")


@plans.command("list")
def list_() -> None:
    """List all plans with their present versions."""
    from talkmeter.billing.plans import read_plans
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.months import month_of
    from talkmeter.period import day_of

    with open_database() as engine, reading(engine) as connection:
        stored = read_plans(connection)
    month = month_of(day_of(clock.now()))
    rows = []
    for plan_id, versions in stored.versions.items():
        version = stored.version_in(plan_id, month) or versions[0]
        content = version.content
        state = f"version {version.version} of {len(versions)}, effective {content.effective}"
        default = "default plan" if stored.default_in(month) == plan_id else ""
        rows.append((plan_id, content.name, content.currency, f"{len(content.charges)} charges", state, default))
    print_list(("id", "name", "currency", "charges", "version", ""), rows)


@plans.command("show")
@click.argument("plan_id")
@click.option("--version", type=int, help="Default: the newest version.")
def show(plan_id: str, version: int | None) -> None:
    """Print a version of a plan as TOML, as `plans apply` reads it."""
    from talkmeter.billing.plan_file import write_plan
    from talkmeter.billing.plans import read_plans
    from talkmeter.cli.database import open_database
    from talkmeter.db.engine import reading

    with open_database() as engine, reading(engine) as connection:
        stored = read_plans(connection)
    versions = stored.versions.get(plan_id)
    if not versions:
        raise OperationFailed(f"Plan '{plan_id}' does not exist; 'talkmeter plans list' shows all plans.")
    found = versions[-1] if version is None else stored.numbered(plan_id, version)
    if found is None:
        raise OperationFailed(f"Plan '{plan_id}' has no version {version}; it has versions 1 to {len(versions)}.")
    click.echo(f"# version {found.version}")
    click.echo(write_plan(plan_id, found.content), nl=False)


@plans.command("assign")
@click.argument("org_id")
@click.argument("plan_id", required=False)
@click.option("--none", "is_none", is_flag=True, help="No plan, instead of PLAN_ID.")
@click.option("--from", "from_", metavar="MONTH", help="First month, such as 2026-12. Default: the current month.")
@RESTATE
def assign(org_id: str, plan_id: str | None, is_none: bool, from_: str | None, restate: bool) -> None:
    """Give an organization a plan from a month on."""
    from talkmeter.billing.apply import assign as assign_stored
    from talkmeter.billing.plans import Assignment
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.months import format_month, month_of, read_month
    from talkmeter.period import day_of

    if is_none == (plan_id is not None):
        raise OperationFailed("Give either PLAN_ID or --none.")
    now = clock.now()
    month = month_of(day_of(now)) if from_ is None else read_month("--from", from_)
    with change_organization(org_id) as connection:
        assign_stored(connection, org_id, Assignment(month, plan_id), operator(), now, restate=restate)
    click.echo(f"{org_id} has {f'the plan {plan_id}' if plan_id else 'no plan'} from {format_month(month)} on.")
