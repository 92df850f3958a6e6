"""`talkmeter demo`: a server with a year of generated usage in its own database, sent through the real ingest."""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.settings import SETTINGS, Settings, load_settings, public_url, require_no_password

if TYPE_CHECKING:
    from concurrent.futures import Future

    from talkmeter.db.engine import Engine
    from talkmeter.ledger.batch import BatchResult
    from talkmeter.ledger.writer import Writer

DATABASE_URL = "sqlite:///talkmeter-demo.db"
KEY_NAME = "talkmeter demo"
KEY_DAYS = 30
DEMO_DAYS = 366


@click.command()
@click.option("--database", "database_url", default=DATABASE_URL, show_default=True, help="The demo's own database.")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--port", help="Port to listen on. Default: 8000.")
@click.option("--only-fill", is_flag=True, help="Generate the usage and exit without serving.")
def demo(database_url: str, host: str | None, port: str | None, only_fill: bool) -> None:
    """Serve a year of generated usage, up to the last full hour, and print a sign-in link and a query."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.link import new_link
    from talkmeter.cli.serve import check_address, run_server, warn_about_plain_http
    from talkmeter.demo.usage import ORGANIZATION_ID

    require_no_password("--database", database_url)
    settings = load_settings(database_url=database_url, host=host, port=port)
    address = "" if only_fill else check_address(settings)
    with open_database(settings, create=True) as engine:
        _check_other_organizations(engine)
        fill(engine, settings)
        _add_plan(engine)
        key = _new_key(engine)
        link = new_link(engine, public_url(settings), ORGANIZATION_ID, "admin", "manage")
    if only_fill:
        return
    for setting in SETTINGS:
        if setting.name in ("database_url", "host", "port"):
            os.environ[setting.variable] = str(getattr(settings, setting.name))
    warn_about_plain_http(settings)
    _print_welcome(settings, link, key)
    run_server(settings, address)


def fill(engine: "Engine", settings: Settings) -> None:
    """Generate usage up to the last full hour: a year at first, later only what is missing."""
    from rich.console import Console
    from rich.progress import Progress

    from talkmeter.ledger.writer import Writer
    from talkmeter.period import MICROSECONDS_PER_HOUR, day_of

    until = clock.now() // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR
    today = day_of(clock.now())
    first = _first_missing_day(engine, today)
    writer = Writer(engine, keep_history=settings.history_days != 0)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            days = range(first, today + 1)
            for _ in progress.track(_send_days(writer, days, until), total=len(days), description="Generating usage"):
                pass
    finally:
        writer.close()


def _send_days(writer: "Writer", days: range, until: int) -> Iterator[int]:
    """Ingest each day and yield it; the next day is generated while the previous one is written."""
    import msgspec

    from talkmeter.demo import usage as generator
    from talkmeter.ingest.cloudevents import Sender, read_event
    from talkmeter.ingest.requests import group_by_organization

    sender = Sender("demo", None)
    pending: list[Future[BatchResult]] = []
    for day in days:
        inventory = generator.inventory_events(day) if day == days.start else []
        events = [*inventory, *generator.events_of_day(day, until)]
        parsed = [read_event(msgspec.json.encode(event), sender) for event in events]
        submitted = writer.submit(group_by_organization(parsed, sender))
        for written in pending:
            written.result()
        pending = submitted
        yield day
    for written in pending:
        written.result()


def _first_missing_day(engine: "Engine", today: int) -> int:
    """Return the day before the newest one with usage, because it may have had live calls; else a year ago."""
    from talkmeter.db.engine import reading
    from talkmeter.demo.usage import ORGANIZATION_ID
    from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
    from talkmeter.usage.days import read_usage

    window = Window((today - DEMO_DAYS + 1) * MICROSECONDS_PER_DAY, (today + 1) * MICROSECONDS_PER_DAY)
    with reading(engine) as connection:
        usage = read_usage(connection, ORGANIZATION_ID, window, present(clock.now(), stale_hours=1))
    days_with_calls = [day.day for day in usage.days if day.counters.calls]
    return max(days_with_calls) - 1 if days_with_calls else window.days[0]


def _check_other_organizations(engine: "Engine") -> None:
    from talkmeter.db.engine import reading
    from talkmeter.demo.usage import ORGANIZATION_ID
    from talkmeter.ledger.organizations import list_organizations

    with reading(engine) as connection:
        org_ids = {organization.org_id for organization in list_organizations(connection)}
    others = sorted(org_ids - {ORGANIZATION_ID})
    if others:
        raise OperationFailed(
            f"This database contains the organization '{others[0]}', and demo data is not mixed with real data. "
            "Choose another file with --database."
        )


def _add_plan(engine: "Engine") -> None:
    from talkmeter.db.engine import writing
    from talkmeter.demo.plan import ensure_plan
    from talkmeter.period import day_of

    now = clock.now()
    with writing(engine) as connection:
        ensure_plan(connection, day_of(now) - DEMO_DAYS + 1, now)


def _new_key(engine: "Engine") -> str:
    """Create a key of the demo's organization and delete the key of the previous start."""
    from talkmeter.accounts.credentials import CredentialKind, delete_named, issue
    from talkmeter.db.engine import writing
    from talkmeter.demo.usage import ORGANIZATION_ID, ORGANIZATION_NAME
    from talkmeter.ledger.organizations import add_organization
    from talkmeter.period import MICROSECONDS_PER_DAY

    now = clock.now()
    with writing(engine) as connection:
        add_organization(connection, ORGANIZATION_ID, ORGANIZATION_NAME, now)
        delete_named(connection, ORGANIZATION_ID, KEY_NAME)
        issued = issue(
            connection,
            CredentialKind.ORGANIZATION,
            org_id=ORGANIZATION_ID,
            name=KEY_NAME,
            role="admin",
            scopes=(),
            grants={},
            now=now,
            expires_at=now + KEY_DAYS * MICROSECONDS_PER_DAY,
        )
    return f"ak_{issued.credential.id}.{issued.secret}"


def _print_welcome(settings: Settings, link: str, key: str) -> None:
    from talkmeter.accounts.sessions import LINK_MINUTES
    from talkmeter.demo.usage import ORGANIZATION_ID
    from talkmeter.period import format_day, month_to_date

    url = public_url(settings)
    window = month_to_date(clock.now())
    first, end = format_day(window.days[0]), format_day(window.days[-1] + 1)
    click.echo(
        f"\nTalkmeter runs with a year of generated usage. Open it:\n\n"
        f"  {link}\n\n"
        f"The link works once, within {LINK_MINUTES} minutes. To get another one:\n\n"
        f"  TALKMETER_DATABASE_URL={settings.database_url} TALKMETER_PUBLIC_URL={url} \\\n"
        f"    {sys.argv[0]} link --org {ORGANIZATION_ID}\n\n"
        f"To query this month's summary:\n\n"
        f"  curl -H 'Authorization: Bearer {key}' \\\n"
        f"    '{url}/admin/usage/summary?from={first}&to={end}'\n\n"
        f"API documentation: {url}/docs    Press Ctrl-C to stop.\n"
    )
