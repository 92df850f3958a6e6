"""Write the saved result tables into a Markdown document: `python -m bench.draw [FILE]`.

A table is inserted between `<!-- bench: NAME -->` and `<!-- /bench -->`, replacing the previous content. An empty pair
of markers stays empty until a result with that name is saved. With --check nothing is written, and the exit status is
1 if the document and the results differ.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bench.result_table import markdown_table
from bench.saved_results import SavedResult, load_saved

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "explanation" / "performance-tables.md"
_MARKERS: Final = re.compile(r"(<!-- bench: ([\w-]+) -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)


class MissingResult(Exception):
    """A document contains a table for which no result is saved."""


def insert_tables(document: str, results: Mapping[str, SavedResult]) -> str:
    """Return the document with each table replaced by its saved result.

    Raises:
        MissingResult: if the document has a table without a saved result.
    """

    def replacement(match: re.Match[str]) -> str:
        begin, name, content, end = match.groups()
        if name not in results and not content.strip():
            return match[0]
        if name not in results:
            raise MissingResult(f"bench/results has no {name}.json. Create it with: python -m bench --save")
        return f"{begin}\n{_format_result(results[name])}\n{end}"

    return _MARKERS.sub(replacement, document)


def empty_document(names: Iterable[str]) -> str:
    """Return a document that contains only table markers."""
    return "\n".join(["# Performance\n", *(f"<!-- bench: {name} -->\n<!-- /bench -->\n" for name in names)])


def _format_result(result: SavedResult) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return f"{markdown_table(result.table)}\n<sub>{result.machine}; commit {result.commit}; {versions}</sub>\n"


def main() -> None:
    """Write or check the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file", nargs="?", type=Path, default=DOCUMENT, help="default: docs/explanation/performance-tables.md"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with status 1 if the tables differ")
    arguments = parser.parse_args()
    results = load_saved()
    before = arguments.file.read_text() if arguments.file.exists() else empty_document(results)
    try:
        after = insert_tables(before, results)
    except MissingResult as error:
        sys.exit(str(error))
    if not arguments.check:
        arguments.file.write_text(after)
    elif after != before:
        sys.exit(f"{arguments.file.name} differs from bench/results. Update it with: python -m bench.draw")


if __name__ == "__main__":
    main()
