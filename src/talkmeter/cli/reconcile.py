"""`talkmeter reconcile`: the ledger against a stack's own list of calls, and the ledger made right."""

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar, Unpack

import click

from talkmeter import clock
from talkmeter.cli.query import WINDOW, options, parameters_of, print_json, print_table
from talkmeter.errors import Refused
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from talkmeter.accounts.connectors import Connector
    from talkmeter.db.engine import Engine
    from talkmeter.reconcile.api import StackApi
    from talkmeter.reconcile.lists import CallList
    from talkmeter.reconcile.run import Job, Report
    from talkmeter.settings import Settings

SHOWN: Final = 20
Command = TypeVar("Command", bound=Callable[..., None])
_ACCOUNT: Final = re.compile("AC[0-9a-fA-F]{32}")
_KEY: Final = "The environment variable that holds the API key"


class Options(TypedDict):
    """The options that the commands for all stacks have in common, as click hands them over."""

    connector_id: str
    the_from: str | None
    the_to: str | None
    apply: bool
    show_all: bool
    as_json: bool
    base_url: str | None


@click.group()
def reconcile() -> None:
    """Compare the ledger with the calls that a stack itself lists, and record what was missed.

    Exit status: 0 where there is no difference, or none is left after --apply; 1 where there is, or on an error.
    """


def _of_all_stacks(provider: str) -> Callable[[Command], Command]:
    """The options of `Options`."""
    given = (
        click.option("--connector", "connector_id", required=True, help="The connector whose calls they are."),
        options(WINDOW),
        click.option("--apply", is_flag=True, help="Record calls that are missing, still open or of another length."),
        click.option("--all", "show_all", is_flag=True, help=f"Show all differences, not only {SHOWN}."),
        click.option("--json", "as_json", is_flag=True, help="What came of it as JSON."),
        click.option(
            "--base-url",
            envvar=f"TALKMETER_{provider.upper()}_URL",
            show_envvar=True,
            help="The stack's address, where it is not the public one.",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(given):
            command = option(command)
        return command

    return decorate


@reconcile.command("twilio")
@click.option("--account", required=True, metavar="SID", help="The Account SID: AC and 32 hexadecimal digits.")
@click.option("--key-env", metavar="NAME", help=f"{_KEY}; else the connector's secret, the Auth Token.")
@_of_all_stacks("twilio")
def twilio(account: str, key_env: str | None, **given: Unpack[Options]) -> None:
    """Reconcile with the calls of a Twilio account."""
    from talkmeter.reconcile.twilio import LIST

    if _ACCOUNT.fullmatch(account) is None:
        raise Refused("--account must be an Account SID: AC and 32 hexadecimal digits.")
    _reconcile(LIST, account, key_env, given)


@reconcile.command("vapi")
@click.option("--key-env", required=True, metavar="NAME", help=f"{_KEY}, the private one.")
@_of_all_stacks("vapi")
def vapi(key_env: str, **given: Unpack[Options]) -> None:
    """Reconcile with the calls of a Vapi organization."""
    from talkmeter.reconcile.vapi import LIST

    _reconcile(LIST, "", key_env, given)


@reconcile.command("retell")
@click.option("--key-env", metavar="NAME", help=f"{_KEY}; else the connector's secret, which is one.")
@_of_all_stacks("retell")
def retell(key_env: str | None, **given: Unpack[Options]) -> None:
    """Reconcile with the calls of a Retell workspace; its chats have another list, which is not read."""
    from talkmeter.reconcile.retell import LIST

    _reconcile(LIST, "", key_env, given)


def _reconcile(calls: "CallList", account: str, key_env: str | None, given: Options) -> None:
    from talkmeter.cli.connectors import require_connector
    from talkmeter.cli.database import opened
    from talkmeter.ingest.connectors.registry import PROVIDERS
    from talkmeter.ledger.batch import AGENT
    from talkmeter.period import read_window
    from talkmeter.reconcile.api import StackApi
    from talkmeter.reconcile.lists import Question
    from talkmeter.reconcile.run import Job

    bounds, now = parameters_of({name: given[name] for name in ("the_from", "the_to")}), clock.now()
    question = Question(account, read_window(bounds.get("from"), bounds.get("to"), now))
    settings = load_settings()
    with opened(settings) as engine:
        connector = require_connector(engine, given["connector_id"])
        if connector.provider != calls.provider:
            raise Refused(f"Connector {connector.id} is one of {connector.provider}, not of {calls.provider}.")
        side = PROVIDERS[calls.provider].side or AGENT
        job = Job(connector, side, calls, question, now, None if given["show_all"] else SHOWN)
        with StackApi(calls, given["base_url"] or calls.url, account, _key(settings, connector, key_env)) as api:
            report = _run(engine, settings, api, job, apply=given["apply"])
    if given["as_json"]:
        print_json(_answer(job, report, apply=given["apply"]))
    else:
        _print(job, report, apply=given["apply"])
    if report.left(applied=given["apply"]):
        sys.exit(1)


def _key(settings: "Settings", connector: "Connector", key_env: str | None) -> str:
    """The key to ask with: of the environment, else the connector's present secret."""
    from talkmeter.accounts.connectors import SecretBox

    if key_env is None:
        return SecretBox(settings.secret_key).unlock(connector)[0]
    key = os.environ.get(key_env, "")
    if not key:
        raise Refused(f"The environment variable {key_env} is not set; it must hold the API key to ask with.")
    return key


def _run(engine: "Engine", settings: "Settings", api: "StackApi", job: "Job", *, apply: bool) -> "Report":
    from talkmeter.ledger.writer import Writer
    from talkmeter.reconcile.run import reconcile as run

    if not apply:
        return run(engine, api, job, None)
    writer = Writer(engine, keep_history=settings.history_days != 0)
    try:
        return run(engine, api, job, writer)
    finally:
        writer.close()


def _print(job: "Job", report: "Report", *, apply: bool) -> None:
    from talkmeter.period import format_instant

    rows = [
        (
            one.kind.value.replace("_", " "),
            one.id,
            format_instant(one.created_at),
            _length(one.there_ms),
            _length(one.here_ms),
        )
        for one in report.kept
    ]
    if rows:
        print_table(("what", "id", "began", "there", "here"), rows, numbers_from=3)
    if report.different > len(rows):
        click.echo(f"{report.different - len(rows):,} more; --all shows them.")
    click.echo(_sentence(job.calls.title, report))
    if report.first_refusal is not None:
        click.echo(f"{report.not_understood:,} could not be compared; the first: {report.first_refusal}", err=True)
    if apply:
        click.echo(f"{report.recorded:,} recorded.")


def _sentence(title: str, report: "Report") -> str:
    from talkmeter.reconcile.compare import Kind

    found = report.differences
    text = (
        f"{title} told of {_calls(report.listed)}, {report.same:,} {'is' if report.same == 1 else 'are'} the same; "
        f"{found[Kind.MISSING]:,} missing, {found[Kind.EXTRA]:,} extra, {found[Kind.OTHER_LENGTH]:,} of another length"
    )
    if found[Kind.OPEN]:
        text += f", {found[Kind.OPEN]:,} still open here"
    if report.deleted:
        text += f", {report.deleted:,} deleted here"
    return text + (f"; {_calls(report.not_over)} not over or just ended." if report.not_over else ".")


def _calls(number: int) -> str:
    return f"{number:,} {'call' if number == 1 else 'calls'}"


def _length(duration_ms: int | None) -> str:
    return "-" if duration_ms is None else f"{duration_ms / 1000:,.3f} s"


def _answer(job: "Job", report: "Report", *, apply: bool) -> dict[str, object]:
    from talkmeter.period import format_instant
    from talkmeter.reconcile.compare import Kind

    return {
        "connector": job.connector.id,
        "provider": job.calls.provider,
        "from": format_instant(job.question.window.start),
        "to": format_instant(job.question.window.end),
        "listed": report.listed,
        "same": report.same,
        **{kind.value: report.differences[kind] for kind in Kind},
        "deleted": report.deleted,
        "not_over": report.not_over,
        "not_understood": report.not_understood,
        "recorded": report.recorded if apply else None,
        "differences": [
            {
                "what": one.kind.value,
                "id": one.id,
                "created_at": format_instant(one.created_at),
                "there_ms": one.there_ms,
                "here_ms": one.here_ms,
            }
            for one in report.kept
        ],
    }
