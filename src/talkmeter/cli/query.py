"""What commands that ask have in common: the options of a question, the snapshot it is asked in, a table of answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from talkmeter import clock
from talkmeter.errors import Refused, shown

if TYPE_CHECKING:
    from talkmeter.db.engine import Connection
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
    """The options that were given, as the parameters of the same query over HTTP. Refused where one is no text."""
    parameters = {name.removeprefix("the_"): value for name, value in given.items() if value is not None}
    for name, value in parameters.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused(f"{option_of(name)} is not UTF-8: {shown(value)}.") from None
    return parameters


def option_of(parameter: str) -> str:
    """The option that gives a parameter."""
    return "--" + parameter.replace("_", "-")


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
    from talkmeter.db.engine import reading
    from talkmeter.db.migrate import database_id
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


def print_nothing_to_compare() -> None:
    """Say why a comparison that was asked for is not there."""
    click.echo("Nothing to compare yet: no full hour of the window has passed.")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int) -> None:
    """Aligned columns, those from `numbers_from` on to the right.

    A line that is wider than the terminal is wrapped by it, not folded within columns: an id can still be copied whole.
    """
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        gaps = [" " * (width - cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
        padded = [
            gap + cell if place >= numbers_from else cell + gap
            for place, (gap, cell) in enumerate(zip(gaps, cells, strict=True))
        ]
        return "  ".join(padded).rstrip()

    click.secho(line(head), bold=True)
    for row in rows:
        click.echo(line(row))


def percentage(change_percent: float | None) -> str:
    """A change with its sign; nothing where there is no percentage, because there was nothing before."""
    return "" if change_percent is None else f"{change_percent:+,.1f}%"
