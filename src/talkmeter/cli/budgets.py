"""`talkmeter budgets`: create, change, show and delete budgets of an organization."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.cli.query import open_snapshot, print_json
from talkmeter.errors import OperationFailed, TalkmeterError

if TYPE_CHECKING:
    from talkmeter.budgets.answers import BudgetAnswer, CrossingAnswer
    from talkmeter.budgets.budget import Budget

_ORG = click.option("--org", "org_id", required=True, help="The organization's id.")


@click.group()
def budgets() -> None:
    """Manage budgets: limits of usage or costs, and what was reached of them."""


@budgets.command("list")
@_ORG
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def list_(org_id: str, as_json: bool) -> None:
    """List the budgets of an organization with their current values."""
    from talkmeter.budgets.answers import BudgetList, budget_answers
    from talkmeter.budgets.store import read_budgets
    from talkmeter.cli.tables import print_list

    with open_snapshot(org_id) as snapshot:
        stored = read_budgets(snapshot.connection, org_id).values()
        answers = budget_answers(snapshot.connection, org_id, stored, snapshot.present)
    if as_json:
        print_json(BudgetList(answers))
        return
    head = ("id", "name", "metric", "period", "value", "limit", "percent", "")
    print_list(head, [(*_row(answer), "" if answer.budget.enabled else "paused") for answer in answers])


@budgets.command("show")
@click.argument("budget_id")
@_ORG
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def show(budget_id: str, org_id: str, as_json: bool) -> None:
    """Show a budget, its current value and pace, and the thresholds that were reached."""
    from talkmeter.cli.tables import print_fields, print_table

    answer = _read(org_id, budget_id)
    if as_json:
        print_json(answer)
        return
    print_fields(_fields(answer))
    if answer.crossings:
        click.echo()
        rows = [
            (f"{one.threshold} %", one.from_, one.at, one.value, one.limit, _messages(one)) for one in answer.crossings
        ]
        print_table(("reached", "period from", "at", "value", "limit", "messages"), rows, numbers=("value", "limit"))


@budgets.command("set")
@click.argument("budget_id")
@_ORG
@click.option("--name", help="Default: the present name, or the id of a new budget.")
@click.option("--metric", help="Such as voice_minutes, cost, charge:ID or silence. Required for a new budget.")
@click.option(
    "--filter", "filter_", metavar="NAME=VALUE", help="Only usage of one agent, number, widget, channel or workflow."
)
@click.option("--period", help="day, week or month. Default: month.")
@click.option("--limit", help="A decimal number, or included. Required for a new budget.")
@click.option(
    "--threshold", "thresholds", type=int, multiple=True, help="Percent; can be repeated. Default: 50, 80, 100."
)
@click.option("--webhook", "webhooks", multiple=True, help="The id of a webhook that gets messages; can be repeated.")
@click.option("--email", "emails", multiple=True, help="An address that gets messages; can be repeated.")
@click.option("--enabled/--paused", default=None, help="Whether it is evaluated. Default: --enabled.")
def set_(budget_id: str, org_id: str, filter_: str | None, **fields: object) -> None:
    """Create a budget, or change the options of an existing one that you give."""
    from talkmeter.budgets.budget import read_budget
    from talkmeter.budgets.change import ANY, put_budget
    from talkmeter.budgets.store import read_budgets
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.notify.emails import allowed_domains
    from talkmeter.period import present
    from talkmeter.settings import load_settings

    given: dict[str, object] = {name: value for name, value in fields.items() if value not in (None, ())}
    if filter_ is not None:
        given["filter"] = _read_filter(filter_)
    settings = load_settings()
    with change_organization(org_id, settings) as connection:
        earlier = read_budgets(connection, org_id).get(budget_id)
        before = {"name": budget_id, "period": "month"} if earlier is None else _fields_of(earlier.budget)
        _require_new_fields(before | given)
        budget = read_budget(budget_id, before | given)
        now = present(clock.now(), settings.stale_hours)
        put_budget(connection, org_id, budget_id, budget, ANY, operator(), now, allowed_domains(settings))
    click.echo(f"Budget '{budget_id}' of {org_id} is {'created' if earlier is None else 'changed'}.")


@budgets.command("delete")
@click.argument("budget_id")
@_ORG
def delete(budget_id: str, org_id: str) -> None:
    """Delete a budget and the list of what was reached of it."""
    from talkmeter.budgets.change import ANY, remove_budget
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator

    with change_organization(org_id) as connection:
        remove_budget(connection, org_id, budget_id, ANY, operator(), clock.now())
    click.echo(f"Budget '{budget_id}' of {org_id} is deleted.")


@budgets.command("test")
@click.argument("budget_id")
@_ORG
def test(budget_id: str, org_id: str) -> None:
    """Send a test message to each webhook of a budget and print the results. At most once a minute."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.webhooks import send_test
    from talkmeter.settings import load_settings

    webhooks = _read(org_id, budget_id).budget.webhooks
    if not webhooks:
        raise OperationFailed(f"Budget '{budget_id}' has no webhook; 'talkmeter budgets set' adds one with --webhook.")
    settings = load_settings()
    problems = []
    with open_database(settings) as engine:
        require_organization(engine, org_id)
        for webhook in webhooks:
            try:
                click.echo(f"{webhook}: {send_test(engine, settings, org_id, webhook)}")
            except TalkmeterError as error:
                problems.append(f"{webhook}: {error.detail}")
    if problems:
        raise OperationFailed(" ".join(problems))


def _read(org_id: str, budget_id: str) -> "BudgetAnswer":
    from talkmeter.budgets.answers import budget_answer
    from talkmeter.budgets.store import read_budgets

    with open_snapshot(org_id) as snapshot:
        stored = read_budgets(snapshot.connection, org_id).get(budget_id)
        if stored is None:
            raise OperationFailed(f"{org_id} has no budget '{budget_id}'; 'talkmeter budgets list' shows all.")
        return budget_answer(snapshot.connection, org_id, stored, snapshot.present)


def _row(answer: "BudgetAnswer") -> tuple[str, ...]:
    current, budget = answer.current, answer.budget
    percent = "-" if current.percent is None else f"{current.percent} %"
    limit = current.limit or budget.limit
    return answer.id, budget.name, budget.metric, budget.period, current.value or "-", limit, percent


def _fields(answer: "BudgetAnswer") -> list[tuple[str, str]]:
    budget, current = answer.budget, answer.current
    _, name, metric, period, value, limit, percent = _row(answer)
    filter_ = ", ".join(f"{key}={text}" for key, text in (budget.filter or {}).items())
    pace = ""
    if answer.pace is not None:
        reached = answer.pace.reached_on
        day = "not in this period" if reached is None else f"on {reached}"
        pace = f"{answer.pace.value} at the end of the period; 100 % {day}"
    fields = [
        ("name", name),
        ("metric", metric),
        ("only", filter_),
        ("period", f"{period}, now {current.from_} to {current.to} (end excluded)"),
        ("limit", f"{limit} {answer.currency or ''}".rstrip()),
        ("thresholds", ", ".join(f"{threshold} %" for threshold in budget.thresholds)),
        ("now", f"{value}, {percent}"),
        ("at this pace", pace),
        ("webhooks", ", ".join(budget.webhooks)),
        ("e-mails", ", ".join(budget.emails)),
        ("evaluated", "yes" if budget.enabled else "no, it is paused"),
        ("changed", f"{answer.changed_at} by {answer.changed_by}"),
    ]
    return [(title, text) for title, text in fields if text]


def _messages(crossing: "CrossingAnswer") -> str:
    return ", ".join(f"{one.target}: {one.state}" for one in crossing.deliveries or ())


def _fields_of(budget: "Budget") -> dict[str, object]:
    from msgspec import to_builtins

    fields: dict[str, object] = to_builtins(budget)
    return fields


def _read_filter(text: str) -> dict[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise click.BadParameter(f"It must be like agent=ann, not '{text}'.", param_hint="--filter")
    return {name: value}


def _require_new_fields(fields: dict[str, object]) -> None:
    for name in ("metric", "limit"):
        if name not in fields:
            raise click.UsageError(f"A new budget needs --{name}.")
