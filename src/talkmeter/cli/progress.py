"""The progress bar of `talkmeter ingest`, and the receipts of files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from talkmeter.ingest.file_receipt import FileReceipt


def print_receipts(files: Sequence[Path], receipts: "Sequence[FileReceipt]") -> None:
    """Print the rows and calls of each file."""
    for path, receipt in zip(files, receipts, strict=True):
        click.echo(receipt.summary if len(files) == 1 else f"{path}: {receipt.summary}")


def count_rows(number: int) -> str:
    """Return a number with the noun, such as `1 row` or `2,000 rows`."""
    return f"{number:,} {'row' if number == 1 else 'rows'}"


@contextmanager
def progress_bar(files: tuple[Path, ...]) -> Iterator[tuple[Callable[[Path], None], Callable[[int], None]]]:
    """Show a bar on stderr over the bytes of all files.

    Yields two functions: the first names the current file, the second adds processed bytes.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("ingest", total=sum(path.stat().st_size for path in files))
        yield (
            lambda path: progress.update(task, description=path.name),
            lambda size: progress.advance(task, size),
        )
