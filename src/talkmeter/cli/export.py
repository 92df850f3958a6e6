"""`talkmeter export`: everything an answer is made of, into a file."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import click

from talkmeter.cli.query import FILTER, SPLIT, WINDOW, asking, option_of, options, parameters_of
from talkmeter.errors import Refused

_OF: Final = {
    "of": "What to export: daily, records or breakdown.",
    "format": "csv, jsonl or parquet; default csv.",
}
_KIND: Final = {"kind": "Of records: conversation (default) or workflow_execution."}
_BY: Final = {
    "by": "Of a breakdown: agent, number, widget, channel, modality, direction, status, workflow or run_status."
}
_ONLY_OF: Final[dict[str, Mapping[str, str]]] = {
    "daily": {},
    "records": {**_KIND, **FILTER},
    "breakdown": {**_BY, **SPLIT},
}


@click.command()
@click.option("--org", "org_id", required=True, help="The organization.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: stdout.")
@options(_OF, WINDOW, _KIND, FILTER, _BY, SPLIT)
def export(org_id: str, output: Path | None, **given: str | None) -> None:
    """Export days, records or a breakdown; counts and milliseconds add up to the summary exactly."""
    parameters = parameters_of(given)
    _refuse_what_does_not_go_together(parameters)
    if output is None and parameters.get("format") == "parquet" and sys.stdout.isatty():
        raise Refused("Parquet is not for a terminal: name a file with --output, or send stdout to one.")
    if output is None:
        with _held(org_id, parameters) as whole, _refusing("stdout"):
            shutil.copyfileobj(whole, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    if output.exists() and not output.is_file():
        # A pipe or device is written to, not replaced.
        with _held(org_id, parameters) as whole, _refusing(str(output)), output.open("wb") as out:
            shutil.copyfileobj(whole, out)
        return
    with _refusing(str(output)):
        _write_file(org_id, parameters, output.resolve())
    click.echo(f"{output.stat().st_size:,} bytes in {output}.", err=True)


def _refuse_what_does_not_go_together(parameters: Mapping[str, str]) -> None:
    """As the API does: a filter that is left out without a word would export more than was asked for."""
    of = parameters.get("of", "")
    if of not in _ONLY_OF:
        return
    allowed = {option_of(name) for name in (*_OF, *WINDOW, *_ONLY_OF[of])}
    others = [option for option in map(option_of, parameters) if option not in allowed]
    if others:
        raise Refused(f"{', '.join(others)} cannot be used with --of {of}; leave it out, or export something else.")


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Tell what cannot be written, and where, in a sentence; a reader who has left is no mistake."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"The export cannot be written to {where}: {error.strerror or error}.") from error


@contextmanager
def _held(org_id: str, parameters: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """The whole export in a temporary file: a pipe may be read slowly, and the snapshot is not held for it."""
    with TemporaryFile() as whole:
        with _refusing("the folder for temporary files"):
            _write(org_id, parameters, whole)
        whole.seek(0)
        yield whole


def _write_file(org_id: str, parameters: Mapping[str, str], output: Path) -> None:
    """Write beside the file and rename: it is never seen half written, and stays as it was after a failure."""
    if not output.parent.is_dir():
        raise Refused(f"The folder {output.parent} does not exist; make it first.")
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

    with asking(org_id) as asked:
        wanted = read_export(parameters, asked.present.now)
        write_export(asked.connection, org_id, wanted, asked.present, out, lambda: None)
