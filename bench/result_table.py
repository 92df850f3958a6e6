"""A table of benchmark results: figures under a title that states the workload, for the terminal and for Markdown."""

from collections.abc import Iterator
from typing import Final

import msgspec
from rich.table import Table

Cell = str | float | None


class ResultColumn(msgspec.Struct, frozen=True):
    """One column; `digits` is the number of decimals, or None for a text column."""

    name: str
    digits: int | None = None


class ResultTable(msgspec.Struct, frozen=True):
    """One table of results; `note` is printed below it."""

    name: str
    title: str
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


LABEL: Final = ResultColumn("")


def formatted_rows(table: ResultTable) -> Iterator[list[str]]:
    """Yield the rows with every cell as text."""
    for row in table.rows:
        yield [_format(cell, column) for cell, column in zip(row, table.columns, strict=True)]


def terminal_table(table: ResultTable) -> Table:
    """Return the table for a terminal."""
    rendered = Table(title=table.title, caption=table.note or None)
    for column in table.columns:
        rendered.add_column(column.name, justify="left" if column.digits is None else "right")
    for row in formatted_rows(table):
        rendered.add_row(*row)
    return rendered


def markdown_table(table: ResultTable) -> str:
    """Return the table as Markdown: the title in bold, the table, the note."""
    lines = [f"**{table.title}**", ""]
    lines.append("| " + " | ".join(column.name for column in table.columns) + " |")
    lines.append("|" + "|".join("---" if column.digits is None else "---:" for column in table.columns) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in formatted_rows(table)]
    return "\n".join([*lines, *(["", table.note] if table.note else [])]) + "\n"


def _format(cell: Cell, column: ResultColumn) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else f"{cell:,.{column.digits or 0}f}"
