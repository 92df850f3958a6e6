"""The performance documents agree with the saved benchmark results."""

import re

from bench.__main__ import DEFAULT_SIZES, benchmark_groups
from bench.draw import DOCUMENT, insert_tables
from bench.saved_results import load_saved
from tests.docs.documents import Document, read

PERFORMANCE = read("docs/explanation/performance.md")


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\b\d[\d,]*(?:\.\d+)?\b", text))


def test_tables_are_those_of_the_saved_results() -> None:
    document = DOCUMENT.read_text()
    results = load_saved()

    assert insert_tables(document, results) == document
    assert {name for name in results if f"<!-- bench: {name} -->" in document} == set(results)


def test_every_figure_occurs_in_the_tables() -> None:
    cells = {cell for row in Document(DOCUMENT, DOCUMENT.read_text()).rows() for cell in row}
    figures = [row[1] for row in PERFORMANCE.rows()]

    assert len(figures) == 10
    assert {number for figure in figures for number in numbers(figure.replace("p99", ""))} <= cells


def test_every_command_runs_an_existing_group() -> None:
    commands = [row[3] for row in PERFORMANCE.rows()]
    groups = {name for command in commands for name in re.findall(r"--only ([\w-]+)", command)}

    assert groups <= set(benchmark_groups(0, 0, DEFAULT_SIZES))
    assert all("--only " in command for command in commands)
