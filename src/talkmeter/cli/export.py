"""`talkmeter export`: days, records or a breakdown as a file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

import click

from talkmeter.cli.output import write_output
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
    write_output(output, lambda out: _write(org_id, parameters, out))


def _check_options(parameters: Mapping[str, str]) -> None:
    """Raise OperationFailed for an option that --of does not take; ignoring a filter would export too much."""
    of = parameters.get("of", "")
    if of not in _OPTIONS_OF:
        return
    allowed = {option_of(name) for name in (*_OF, *WINDOW, *_OPTIONS_OF[of])}
    extra = [option for option in map(option_of, parameters) if option not in allowed]
    if extra:
        raise OperationFailed(f"{', '.join(extra)} cannot be used with --of {of}.")


def _write(org_id: str, parameters: Mapping[str, str], out: IO[bytes]) -> None:
    from talkmeter.usage.export import read_export, write_export
    from talkmeter.usage.retention import deleted_before

    with open_snapshot(org_id) as snapshot:
        wanted = read_export(parameters, snapshot.present.now)
        first_day = deleted_before(snapshot.connection, org_id, wanted.window)
        if wanted.of == "records" and first_day is not None:
            click.echo(f"Records before {first_day} were deleted and are not in the export.", err=True)
        write_export(snapshot.connection, org_id, wanted, snapshot.present, out, lambda: None)
