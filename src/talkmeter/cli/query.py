"""Shared parts of the commands that query usage: options, the snapshot to read from, and output formats."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed, quoted

if TYPE_CHECKING:
    from talkmeter.db.engine import Connection
    from talkmeter.period import Present, Window
    from talkmeter.settings import Settings
    from talkmeter.usage.revision import Revision

Command = TypeVar("Command", bound=Callable[..., None])

MAX_PERCENT = 999
"""Greater changes are shown by the earlier figure only."""

WINDOW = {
    "from": "Start of the window, inclusive: ISO 8601. Default: month to date.",
    "to": "End of the window, exclusive: ISO 8601.",
}
COMPARE = {"compare": "Compare with an earlier window: previous or year."}
SPLIT = {
    "order": "Sort rows by this figure: calls, voice or chat; for workflow runs: runs.",
}
VALUE_FILTER = {
    "agent": "Only this agent; '' for conversations without one.",
    "number": "Only this phone number; '' for conversations without one.",
    "widget": "Only this web widget; '' for conversations without one.",
    "channel": "Only this channel: telephone, webrtc, email or text.",
    "workflow": "Only this workflow; '' for runs without one.",
}
FILTER = {
    "day": "One UTC day of the window: YYYY-MM-DD.",
    **VALUE_FILTER,
    "modality": "Only this modality: voice or chat.",
    "direction": "Only this direction: inbound or outbound.",
    "status": "Only this status.",
    "has-duration": "true: only conversations with a duration; false: only those without.",
    "live": "true: only records that have not ended; false: only those that have.",
    "stale": "true: only live conversations that have gone silent (TALKMETER_STALE_HOURS); false: all others.",
}


def options(*groups: Mapping[str, str]) -> Callable[[Command], Command]:
    """Add one option per parameter of the groups; the command gets them as keyword arguments."""

    def decorate(command: Command) -> Command:
        for name, text in reversed([item for group in groups for item in group.items()]):
            command = click.option(f"--{name}", f"the_{name.replace('-', '_')}", help=text)(command)
        return command

    return decorate


def parameters_of(flags: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options that were given as query parameters of the API. Raises OperationFailed if one is not UTF-8."""
    parameters = {name.removeprefix("the_"): value for name, value in flags.items() if value is not None}
    for name, value in parameters.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise OperationFailed(f"{option_of(name)} is not UTF-8: {quoted(value)}.") from None
    return parameters


def option_of(parameter: str) -> str:
    """Return the command-line option of a query parameter, such as `--has-duration`."""
    return "--" + parameter.replace("_", "-")


class Snapshot(NamedTuple):
    """A database snapshot and the values that a query needs besides its parameters."""

    connection: "Connection"
    settings: "Settings"
    present: "Present"
    revision: "Revision"
    database_id: str


@contextmanager
def open_snapshot(org_id: str) -> Iterator[Snapshot]:
    """Open a snapshot of the ledger. Raises OperationFailed if the organization does not exist."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.db.engine import reading
    from talkmeter.db.migrate import database_id
    from talkmeter.period import present
    from talkmeter.settings import load_settings
    from talkmeter.usage.revision import read_revision

    settings = load_settings()
    now = present(clock.now(), settings.stale_hours)
    with open_database(settings) as engine:
        require_organization(engine, org_id)
        with reading(engine) as connection:
            revision = read_revision(connection, org_id, now)
            yield Snapshot(connection, settings, now, revision, database_id(connection))


def window_of(parameters: Mapping[str, str], now: "Present") -> "Window":
    """Return the window of `from` and `to`."""
    from talkmeter.period import read_window

    return read_window(parameters.get("from"), parameters.get("to"), now.now)


def print_json(answer: object) -> None:
    """Print the response of the API, indented."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())


def print_window(org_id: str, start: str, end: str) -> None:
    """Print the organization and the window of the figures that follow."""
    click.echo(f"{org_id}, {start} to {end} (UTC, end excluded)")


def print_nothing_to_compare() -> None:
    """Explain why the comparison is missing."""
    click.echo("Nothing to compare yet: no full hour of the window has passed.")


def percentage(change_percent: float | None) -> str:
    """Return a change with its sign, or an empty text if the earlier figure is zero or too small to compare with."""
    if change_percent is None or abs(change_percent) > MAX_PERCENT:
        return ""
    return f"{change_percent:+,.1f}%"
