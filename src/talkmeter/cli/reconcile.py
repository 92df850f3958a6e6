"""`talkmeter reconcile`: compare the ledger with a provider's own list of calls, and record what is missing."""

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar, Unpack

import click

from talkmeter import clock
from talkmeter.cli.query import WINDOW, options, parameters_of, print_json
from talkmeter.cli.tables import print_table
from talkmeter.errors import OperationFailed
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from talkmeter.accounts.connectors import Connector
    from talkmeter.db.engine import Engine
    from talkmeter.reconcile.api import ProviderApi
    from talkmeter.reconcile.lists import CallList
    from talkmeter.reconcile.run import Job, ReconcileReport
    from talkmeter.settings import Settings

MAX_SHOWN: Final = 20
Command = TypeVar("Command", bound=Callable[..., None])
_ACCOUNT: Final = re.compile("AC[0-9a-fA-F]{32}")
_KEY: Final = "The environment variable that holds the API key"


class Options(TypedDict):
    """The options that the commands of all providers share, as click passes them."""

    connector_id: str
    the_from: str | None
    the_to: str | None
    apply: bool
    show_all: bool
    as_json: bool
    base_url: str | None


@click.group()
def reconcile() -> None:
    """Compare the ledger with a provider's list of calls, and record what is missing.

    Exit status: 0 if nothing differs, or nothing is left after --apply; otherwise 1.
    """


def _common_options(provider: str) -> Callable[[Command], Command]:
    """Add the options of `Options` to a command."""
    common = (
        click.option("--connector", "connector_id", required=True, help="The connector whose calls are compared."),
        options(WINDOW),
        click.option(
            "--apply", is_flag=True, help="Record calls that are missing, still open, or have another length."
        ),
        click.option("--all", "show_all", is_flag=True, help=f"Show all differences, not only the first {MAX_SHOWN}."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option(
            "--base-url",
            envvar=f"TALKMETER_{provider.upper()}_URL",
            show_envvar=True,
            help="The URL of the provider's API, if it is not the public one.",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(common):
            command = option(command)
        return command

    return decorate


@reconcile.command("twilio")
@click.option("--account", required=True, metavar="SID", help="The Account SID: AC and 32 hexadecimal digits.")
@click.option("--key-env", metavar="NAME", help=f"{_KEY}. Default: the connector's secret, the Auth Token.")
@_common_options("twilio")
def twilio(account: str, key_env: str | None, **flags: Unpack[Options]) -> None:
    """Reconcile with the calls of a Twilio account."""
    from talkmeter.reconcile.twilio import LIST

    if _ACCOUNT.fullmatch(account) is None:
        raise OperationFailed("--account must be an Account SID: AC and 32 hexadecimal digits.")
    _reconcile(LIST, account, key_env, flags)


@reconcile.command("vapi")
@click.option("--key-env", required=True, metavar="NAME", help=f"{_KEY} (the private key).")
@_common_options("vapi")
def vapi(key_env: str, **flags: Unpack[Options]) -> None:
    """Reconcile with the calls of a Vapi organization."""
    from talkmeter.reconcile.vapi import LIST

    _reconcile(LIST, "", key_env, flags)


@reconcile.command("retell")
@click.option("--key-env", metavar="NAME", help=f"{_KEY}. Default: the connector's secret, which is an API key.")
@_common_options("retell")
def retell(key_env: str | None, **flags: Unpack[Options]) -> None:
    """Reconcile with the calls of a Retell workspace. Chats are not compared."""
    from talkmeter.reconcile.retell import LIST

    _reconcile(LIST, "", key_env, flags)


def _reconcile(calls: "CallList", account: str, key_env: str | None, flags: Options) -> None:
    from talkmeter.cli.connectors import require_connector
    from talkmeter.cli.database import open_database
    from talkmeter.db.engine import reading
    from talkmeter.ingest.connectors.registry import PROVIDERS
    from talkmeter.ledger.batch import AGENT
    from talkmeter.ledger.organization_rows import read_records_from
    from talkmeter.period import day_of, format_day, read_window
    from talkmeter.reconcile.api import ProviderApi
    from talkmeter.reconcile.lists import CallQuery
    from talkmeter.reconcile.run import Job

    bounds, now = parameters_of({"the_from": flags["the_from"], "the_to": flags["the_to"]}), clock.now()
    query = CallQuery(account, read_window(bounds.get("from"), bounds.get("to"), now))
    settings = load_settings()
    with open_database(settings) as engine:
        connector = require_connector(engine, flags["connector_id"])
        if connector.provider != calls.provider:
            raise OperationFailed(f"Connector {connector.id} belongs to {connector.provider}, not to {calls.provider}.")
        with reading(engine) as connection:
            records_from = read_records_from(connection, connector.org_id)
        if day_of(query.window.start) < records_from:
            raise OperationFailed(
                f"Records before {format_day(records_from)} were deleted, so there is nothing to compare; "
                "choose a later --from."
            )
        side = PROVIDERS[calls.provider].side or AGENT
        job = Job(connector, side, calls, query, now, None if flags["show_all"] else MAX_SHOWN)
        with ProviderApi(calls, flags["base_url"] or calls.url, account, _key(settings, connector, key_env)) as api:
            report = _run(engine, settings, api, job, apply=flags["apply"])
    if flags["as_json"]:
        print_json(_result(job, report, apply=flags["apply"]))
    else:
        _print(job, report, apply=flags["apply"])
    if report.unresolved(applied=flags["apply"]):
        sys.exit(1)


def _key(settings: "Settings", connector: "Connector", key_env: str | None) -> str:
    """Return the API key from the environment; without `key_env`, the connector's current secret."""
    from talkmeter.accounts.connectors import SecretBox

    if key_env is None:
        return SecretBox(settings.secret_key).decrypt(connector)[0]
    key = os.environ.get(key_env, "")
    if not key:
        raise OperationFailed(f"The environment variable {key_env} is not set; set it to the API key.")
    return key


def _run(engine: "Engine", settings: "Settings", api: "ProviderApi", job: "Job", *, apply: bool) -> "ReconcileReport":
    from talkmeter.ledger.writer import Writer
    from talkmeter.reconcile.run import reconcile as run

    if not apply:
        return run(engine, api, job, None)
    writer = Writer(engine, keep_history=settings.history_days != 0)
    try:
        return run(engine, api, job, writer)
    finally:
        writer.close()


def _print(job: "Job", report: "ReconcileReport", *, apply: bool) -> None:
    from talkmeter.period import format_instant

    rows = [
        (
            difference.kind.value.replace("_", " "),
            difference.id,
            format_instant(difference.created_at),
            _length(difference.there_ms),
            _length(difference.here_ms),
        )
        for difference in report.kept
    ]
    if rows:
        print_table(("what", "id", "began", "there", "here"), rows, numbers=("there", "here"))
    if report.different > len(rows):
        click.echo(f"{report.different - len(rows):,} more; --all shows them.")
    click.echo(_totals(job.calls.title, report))
    if report.first_error is not None:
        click.echo(f"{report.not_understood:,} could not be compared; first error: {report.first_error}", err=True)
    if apply:
        click.echo(f"{report.recorded:,} recorded.")


def _totals(title: str, report: "ReconcileReport") -> str:
    from talkmeter.reconcile.compare import DifferenceKind

    found = report.differences
    text = (
        f"{title} lists {_calls(report.listed)}: {report.same:,} the same, {found[DifferenceKind.MISSING]:,} missing, "
        f"{found[DifferenceKind.EXTRA]:,} extra, {found[DifferenceKind.OTHER_LENGTH]:,} with another length"
    )
    if found[DifferenceKind.OPEN]:
        text += f", {found[DifferenceKind.OPEN]:,} still open here"
    if report.deleted:
        text += f", {report.deleted:,} deleted here"
    if report.not_over:
        text += f"; {_calls(report.not_over)} not compared yet: in progress or just ended"
    return f"{text}."


def _calls(number: int) -> str:
    return f"{number:,} {'call' if number == 1 else 'calls'}"


def _length(duration_ms: int | None) -> str:
    return "-" if duration_ms is None else f"{duration_ms / 1000:,.3f} s"


def _result(job: "Job", report: "ReconcileReport", *, apply: bool) -> dict[str, object]:
    from talkmeter.period import format_instant
    from talkmeter.reconcile.compare import DifferenceKind

    return {
        "connector": job.connector.id,
        "provider": job.calls.provider,
        "from": format_instant(job.query.window.start),
        "to": format_instant(job.query.window.end),
        "listed": report.listed,
        "same": report.same,
        **{kind.value: report.differences[kind] for kind in DifferenceKind},
        "deleted": report.deleted,
        "not_over": report.not_over,
        "not_understood": report.not_understood,
        "recorded": report.recorded if apply else None,
        "differences": [
            {
                "what": difference.kind.value,
                "id": difference.id,
                "created_at": format_instant(difference.created_at),
                "there_ms": difference.there_ms,
                "here_ms": difference.here_ms,
            }
            for difference in report.kept
        ],
    }
