"""Writes a file of an export to stdout, to a pipe, or in place of a file, which stays unchanged if the export fails."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import click

from talkmeter.errors import OperationFailed

Write = Callable[[IO[bytes]], None]


def write_output(output: Path | None, write: Write) -> None:
    """Write an export to a file, or to stdout if `output` is None. Raises OperationFailed if it cannot be written."""
    if output is None:
        with _temporary_export(write) as content, _translate_errors("stdout"):
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    if output.exists() and not output.is_file():
        # Write to a pipe or device instead of replacing it.
        with _temporary_export(write) as content, _translate_errors(str(output)), output.open("wb") as out:
            shutil.copyfileobj(content, out)
        return
    with _translate_errors(str(output)):
        _write_file(write, output.resolve())
    click.echo(f"{output.stat().st_size:,} bytes in {output}.", err=True)


@contextmanager
def _translate_errors(where: str) -> Iterator[None]:
    """Raise OperationFailed for an OSError, naming `where`; let BrokenPipeError pass: the reader has just stopped."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OperationFailed(f"Cannot write the export to {where}: {error.strerror or error}.") from error


@contextmanager
def _temporary_export(write: Write) -> Iterator[IO[bytes]]:
    """Yield the export as a temporary file, so that a slow reader of the pipe does not keep the snapshot open."""
    with TemporaryFile() as content:
        with _translate_errors("the folder for temporary files"):
            write(content)
        content.seek(0)
        yield content


def _write_file(write: Write, output: Path) -> None:
    """Write a temporary file next to `output` and rename it, so that a failure leaves `output` unchanged."""
    if not output.parent.is_dir():
        raise OperationFailed(f"The folder {output.parent} does not exist; create it first.")
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as out:
            write(out)
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
