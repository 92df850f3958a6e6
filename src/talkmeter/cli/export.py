"""`talkmeter export`: days, records or a breakdown as a file."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import click

from talkmeter.cli.query import FILTER, SPLIT, VALUE_FILTER, WINDOW, open_snapshot, option_of, options, parameters_of
from talkmeter.errors import OperationFailed

_OF: Final = {
    "of": "What to export: daily, records or breakdown.",
    "format": "csv (default), jsonl or parquet.",
}
_KIND: Final = {"kind": "For records: conversation (default) or workflow_execution."}
_BY: Final = {
    "by": "For a breakdown: agent, number, widget, channel, modality, direction, status, workflow or run_status."
}
_OPTIONS_OF: Final[dict[str, Mapping[str, str]]] = {
    "daily": VALUE_FILTER,
    "records": {**_KIND, **FILTER},
    "breakdown": {**_BY, **SPLIT, **VALUE_FILTER},
}


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write. Default: stdout.")
@options(_OF, WINDOW, _KIND, FILTER, _BY, SPLIT)
def export(org_id: str, output: Path | None, **flags: str | None) -> None:
    """Export days, records or a breakdown. Counts and milliseconds add up to the summary exactly."""
    parameters = parameters_of(flags)
    _check_options(parameters)
    if output is None and parameters.get("format") == "parquet" and sys.stdout.isatty():
        raise OperationFailed("Parquet is binary and not printed to a terminal; use --output or redirect stdout.")
    if output is None:
        with _temporary_export(org_id, parameters) as content, _translate_errors("stdout"):
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    if output.exists() and not output.is_file():
        # Write to a pipe or device instead of replacing it.
        with (
            _temporary_export(org_id, parameters) as content,
            _translate_errors(str(output)),
            output.open("wb") as out,
        ):
            shutil.copyfileobj(content, out)
        return
    with _translate_errors(str(output)):
        _write_file(org_id, parameters, output.resolve())
    click.echo(f"{output.stat().st_size:,} bytes in {output}.", err=True)


def _check_options(parameters: Mapping[str, str]) -> None:
    """Raise OperationFailed for an option that --of does not take; ignoring a filter would export too much."""
    of = parameters.get("of", "")
    if of not in _OPTIONS_OF:
        return
    allowed = {option_of(name) for name in (*_OF, *WINDOW, *_OPTIONS_OF[of])}
    extra = [option for option in map(option_of, parameters) if option not in allowed]
    if extra:
        raise OperationFailed(f"{', '.join(extra)} cannot be used with --of {of}.")


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
def _temporary_export(org_id: str, parameters: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Yield the export as a temporary file, so that a slow reader of the pipe does not keep the snapshot open."""
    with TemporaryFile() as content:
        with _translate_errors("the folder for temporary files"):
            _write(org_id, parameters, content)
        content.seek(0)
        yield content


def _write_file(org_id: str, parameters: Mapping[str, str], output: Path) -> None:
    """Write a temporary file next to `output` and rename it, so that a failure leaves `output` unchanged."""
    if not output.parent.is_dir():
        raise OperationFailed(f"The folder {output.parent} does not exist; create it first.")
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as out:
            _write(org_id, parameters, out)
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(org_id: str, parameters: Mapping[str, str], out: IO[bytes]) -> None:
    from talkmeter.usage.export import read_export, write_export

    with open_snapshot(org_id) as snapshot:
        wanted = read_export(parameters, snapshot.present.now)
        write_export(snapshot.connection, org_id, wanted, snapshot.present, out, lambda: None)
