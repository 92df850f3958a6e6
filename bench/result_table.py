"""What a measure found: rows of figures under a title that states the workload, drawn alike everywhere."""

from collections.abc import Iterator
from typing import Final

import msgspec
from rich.table import Table

Cell = str | float | None


class Column(msgspec.Struct, frozen=True):
    """One column; `digits` after the point where it holds numbers, None where it holds words."""

    name: str
    digits: int | None = None


class Measured(msgspec.Struct, frozen=True):
    """One table of results; `note` is a sentence below it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


WORDS: Final = Column("")


def texts(measured: Measured) -> Iterator[list[str]]:
    """The rows as they are shown."""
    for row in measured.rows:
        yield [_text(cell, column) for cell, column in zip(row, measured.columns, strict=True)]


def screen_table(measured: Measured) -> Table:
    """The table for a terminal."""
    table = Table(title=measured.title, caption=measured.note or None)
    for column in measured.columns:
        table.add_column(column.name, justify="left" if column.digits is None else "right")
    for row in texts(measured):
        table.add_row(*row)
    return table


def markdown_table(measured: Measured) -> str:
    """The table for a document: the title in bold, the table, the note."""
    lines = [f"**{measured.title}**", ""]
    lines.append("| " + " | ".join(column.name for column in measured.columns) + " |")
    lines.append("|" + "|".join("---" if column.digits is None else "---:" for column in measured.columns) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in texts(measured)]
    return "\n".join([*lines, *(["", measured.note] if measured.note else [])]) + "\n"


def _text(cell: Cell, column: Column) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else f"{cell:,.{column.digits or 0}f}"
