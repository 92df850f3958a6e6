"""`talkmeter map`: write a first map for a file."""

from pathlib import Path

import click


@click.group("map")
def map_() -> None:
    """Maps of files for `talkmeter ingest --map`."""


@map_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def suggest(file: Path) -> None:
    """Print a first map for a CSV, JSON lines, Parquet or Excel file. Lines with 'check:' are not certain."""
    from talkmeter.ingest.suggest.suggest import suggest_map

    suggestion = suggest_map(file)
    click.echo(suggestion.text, nl=False)
    lines = "1 line needs" if suggestion.checks == 1 else f"{suggestion.checks} lines need"
    click.echo(f"{lines} a check; then run: talkmeter ingest --map MAP --org ORG --dry-run {file}", err=True)
