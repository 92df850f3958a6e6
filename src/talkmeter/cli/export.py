"""`talkmeter export`: everything an answer is made of, into a file."""

import shutil
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import TYPE_CHECKING

import click

from talkmeter.cli.asking import FILTER, SPLIT, WINDOW, asking, options, parameters_of
from talkmeter.errors import Refused

if TYPE_CHECKING:
    from typing import IO


@click.command()
@click.option("--org", "org_id", required=True, help="The organization.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: stdout.")
@options(
    {
        "of": "What to export: daily, records or breakdown.",
        "format": "csv, jsonl or parquet; default csv.",
    },
    WINDOW,
    {"kind": "Of records: conversation (default) or workflow_execution."},
    FILTER,
    {
        "by": "Of a breakdown: agent, number, widget, channel, modality, direction, status, workflow or run_status.",
        **SPLIT,
    },
)
def export(org_id: str, output: Path | None, **given: str | None) -> None:
    """Export days, records or a breakdown; counts and milliseconds add up to the summary exactly."""
    parameters = parameters_of(given)
    if output is None and parameters.get("format") == "parquet" and sys.stdout.isatty():
        raise Refused("Parquet is not for a terminal: name a file with --output, or send stdout to one.")
    if output is None:
        # A pipe may be read slowly, and the snapshot is not held for it.
        with TemporaryFile() as whole:
            _write(org_id, parameters, whole)
            whole.seek(0)
            shutil.copyfileobj(whole, sys.stdout.buffer)
        return
    if not output.absolute().parent.is_dir():
        raise Refused(f"The folder {output.absolute().parent} does not exist; make it first.")
    with NamedTemporaryFile(dir=output.absolute().parent, prefix=f".{output.name}.", delete=False) as part:
        try:
            _write(org_id, parameters, part.file)
            part.close()
            Path(part.name).replace(output)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    click.echo(f"{output.stat().st_size:,} bytes in {output}.", err=True)


def _write(org_id: str, parameters: dict[str, str], out: "IO[bytes]") -> None:
    from talkmeter.usage.export import read_export, write_export

    with asking(org_id) as asked:
        wanted = read_export(parameters, asked.present.now)
        write_export(asked.connection, org_id, wanted, asked.present, out, lambda: None)
