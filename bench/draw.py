"""Draws the tables of a document from the results that were kept: `python -m bench.draw [FILE]`.

A table stands between `<!-- bench: NAME -->` and `<!-- /bench -->`; what stands there is replaced. With --check nothing
is written, and the exit status is 1 where the document and the results differ. A place that is empty stays so until
there is a result for it.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bench.result_table import markdown_table
from bench.saved_results import Report, saved

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
_PLACE: Final = re.compile(r"(<!-- bench: ([\w-]+) -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)


class Unknown(Exception):
    """A document wants a table that nobody has measured."""


def drawn(document: str, reports: Mapping[str, Report]) -> str:
    """The document with each of its tables as it was last measured."""

    def table(found: re.Match[str]) -> str:
        begin, name, stands, end = found.groups()
        if name not in reports and not stands.strip():
            return found[0]
        if name not in reports:
            raise Unknown(f"bench/results has no {name}.json; python -m bench --save makes it.")
        return f"{begin}\n{_drawn_table(reports[name])}\n{end}"

    return _PLACE.sub(table, document)


def empty_document(names: Iterable[str]) -> str:
    """A document of nothing but the places of tables."""
    return "\n".join(["# Performance\n", *(f"<!-- bench: {name} -->\n<!-- /bench -->\n" for name in names)])


def _drawn_table(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return f"{markdown_table(report.measured)}\n<sub>{report.machine}; commit {report.commit}; {versions}</sub>\n"


def main() -> None:
    """Draw or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=DOCUMENT, help="default: docs/explanation/performance.md")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where the tables differ")
    arguments = parser.parse_args()
    reports = saved()
    before = arguments.file.read_text() if arguments.file.exists() else empty_document(reports)
    try:
        after = drawn(before, reports)
    except Unknown as error:
        sys.exit(str(error))
    if not arguments.check:
        arguments.file.write_text(after)
    elif after != before:
        sys.exit(f"{arguments.file.name} differs from bench/results; python -m bench.draw mends it.")


if __name__ == "__main__":
    main()
