"""Tables in the terminal, by rich: aligned columns, always as wide as their content, so that an id can be copied."""

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from rich.table import Table

    from talkmeter.errors import Damaged

_UNLIMITED_WIDTH: Final = 100_000


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()) -> None:
    """Print a table with a header; the columns in `numbers` are aligned to the right."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for title in head:
        table.add_column(title, justify="right" if title in numbers else "left", no_wrap=True)
    _print(table, rows)


def require_all_readable(damaged: "Sequence[Damaged]") -> None:
    """Raise OperationFailed if rows are missing in a list because they are damaged."""
    if damaged:
        raise OperationFailed("Not everything could be read. " + " ".join(error.detail for error in damaged))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and their values, one pair per line."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    _print(table, fields)


def print_list(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in a terminal; to a pipe or file, tab-separated lines without a header, as scripts expect."""
    if sys.stdout.isatty():
        print_table(head, rows)
        return
    for row in rows:
        click.echo("\t".join(row).rstrip())


def _print(table: "Table", rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.text import Text

    for row in rows:
        # Text, because a string such as "[bold]" would be read as markup.
        table.add_row(*map(Text, row))
    console = Console(width=_UNLIMITED_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().removesuffix("\n").split("\n"):
        click.echo(line.rstrip())
