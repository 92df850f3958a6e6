"""What commands that ask have in common: the options of a question, the snapshot it is asked in, a table of answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from talkmeter import clock

if TYPE_CHECKING:
    from talkmeter.ledger.engine import Connection
    from talkmeter.period import Present, Window
    from talkmeter.settings import Settings
    from talkmeter.usage.revision import Revision

Command = TypeVar("Command", bound=Callable[..., None])

WINDOW = {
    "from": "Start of the window, included: ISO 8601; default: month to date.",
    "to": "End of the window, excluded: ISO 8601.",
}
COMPARE = {"compare": "The earlier window to compare with: previous or year."}
SPLIT = {
    "order": "The figure that rows are in order of: calls, voice or chat; of workflow runs: runs.",
}
FILTER = {
    "day": "One UTC day of the window: YYYY-MM-DD.",
    "agent": "Only with this agent; '' for those without one.",
    "number": "Only with this phone number; '' for those without one.",
    "widget": "Only with this web widget; '' for those without one.",
    "channel": "Only on this channel: telephone, webrtc, email or text.",
    "modality": "Only voice, or only chat.",
    "direction": "Only inbound, or only outbound.",
    "status": "Only with this status.",
    "workflow": "Only of this workflow; '' for those without one.",
    "has-duration": "true: only conversations with a duration; false: only those without.",
    "live": "true: only records that have not ended; false: only those that have.",
    "stale": "true: only live conversations that have gone silent; false: only the others.",
}


def options(*groups: Mapping[str, str]) -> Callable[[Command], Command]:
    """Add an option for each parameter of some groups; the command gets them as keyword arguments."""

    def decorate(command: Command) -> Command:
        for name, what in reversed([item for group in groups for item in group.items()]):
            command = click.option(f"--{name}", f"the_{name.replace('-', '_')}", help=what)(command)
        return command

    return decorate


def parameters_of(given: Mapping[str, str | None]) -> dict[str, str]:
    """The options that were given, as the parameters of the same query over HTTP."""
    return {name.removeprefix("the_"): value for name, value in given.items() if value is not None}


class Asked(NamedTuple):
    """A snapshot to ask in, and what an answer depends on."""

    connection: "Connection"
    settings: "Settings"
    present: "Present"
    revision: "Revision"
    database_id: str


@contextmanager
def asking(org_id: str) -> Iterator[Asked]:
    """One snapshot of the ledger, for questions about an organization that the directory knows."""
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.ledger.engine import reading
    from talkmeter.ledger.migrate import database_id
    from talkmeter.period import present
    from talkmeter.settings import load_settings
    from talkmeter.usage.revision import read_revision

    settings = load_settings()
    now = present(clock.now(), settings.stale_hours)
    with opened(settings) as engine:
        require_organization(engine, org_id)
        with reading(engine) as connection:
            revision = read_revision(connection, org_id, now)
            yield Asked(connection, settings, now, revision, database_id(connection))


def window_of(parameters: Mapping[str, str], now: "Present") -> "Window":
    """The window of a question."""
    from talkmeter.period import read_window

    return read_window(parameters.get("from"), parameters.get("to"), now.now)


def print_json(answer: object) -> None:
    """The API's answer, indented."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int) -> None:
    """Aligned columns, those from `numbers_from` on to the right; in a pipe no line is cut to a width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place >= numbers_from else "left", overflow="fold")
    for row in rows:
        # As plain text: an id may hold what would be markup.
        table.add_row(*map(Text, row))
    console.print(table)
