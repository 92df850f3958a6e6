"""Progress of `talkmeter ingest`: a bar over the bytes of all files, and counts of rows in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def rows_of(number: int) -> str:
    """A number of rows in words."""
    return f"{number:,} {'row' if number == 1 else 'rows'}"


@contextmanager
def progress_of(files: tuple[Path, ...]) -> Iterator[tuple[Callable[[Path], None], Callable[[int], None]]]:
    """A bar on stderr over the bytes of all files: call the first when a file begins, the second as bytes are done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("ingest", total=sum(path.stat().st_size for path in files))
        yield (
            lambda path: progress.update(task, description=path.name),
            lambda size: progress.advance(task, size),
        )
