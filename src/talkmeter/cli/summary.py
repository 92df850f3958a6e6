"""`talkmeter summary`: the page's figures in the terminal."""

import click

from talkmeter import clock


@click.command()
@click.option("--org", "org_id", required=True, help="The organization.")
@click.option("--from", "from_", help="Start, included: ISO 8601; default: month to date.")
@click.option("--to", help="End, excluded: ISO 8601.")
@click.option("--json", "as_json", is_flag=True, help="The API's answer as JSON.")
def summary(org_id: str, from_: str | None, to: str | None, as_json: bool) -> None:
    """Show an organization's usage summary."""
    import msgspec

    from talkmeter.cli.database import opened, require_organization
    from talkmeter.ledger.engine import reading
    from talkmeter.period import present, read_window
    from talkmeter.settings import load_settings
    from talkmeter.usage.revision import read_revision
    from talkmeter.usage.summary import read_summary

    settings = load_settings()
    now = present(clock.now(), settings.stale_hours)
    window = read_window(from_, to, now.now)
    with opened(settings) as engine:
        require_organization(engine, org_id)
        with reading(engine) as connection:
            answer = read_summary(connection, org_id, window, read_revision(connection, org_id, now), now)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
        return
    numbers = f" ({answer.shared_phone_numbers} on the shared pool)" if answer.shared_phone_numbers else ""
    average_minutes, average_seconds = divmod(int(answer.avg_call_duration_sec + 0.5), 60)
    heard = answer.last_event_at or "never"
    calls = f"{answer.total_calls:,}: {answer.inbound_calls:,} in, {answer.outbound_calls:,} out"
    runs = f"{answer.workflow_runs_success:,} succeeded, {answer.workflow_runs_failed:,} failed"
    phones = f"{answer.total_phone_numbers:,} phone numbers{numbers}"
    datasets = f"{answer.total_datasets:,} knowledge bases ({answer.active_datasets:,} active)"
    rows = (
        (f"{org_id}", f"{answer.from_} to {answer.to} (UTC, end excluded)"),
        ("Voice minutes", f"{answer.voice_minutes:,.2f} in {answer.voice_calls:,} voice calls"),
        ("Chat minutes", f"{answer.chat_minutes:,.2f} in {answer.chat_calls:,} sessions"),
        ("Total calls", f"{calls}, {average_minutes}m {average_seconds:02}s on average"),
        ("Workflow runs", f"{answer.workflow_runs_total:,}: {runs}"),
        (
            "Inventory now",
            f"{answer.total_agents:,} agents, {phones}, {answer.total_web_widgets:,} chat widgets, {datasets}",
        ),
        ("Newest event", f"stored {heard}"),
    )
    width = max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        click.echo(f"{name:<{width}}{text}")
