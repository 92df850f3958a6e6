"""The worked example of docs/reference/counting.md works as written and prints what the page shows."""

import json
import re
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.documents import COUNTING, Document
from tests.docs.shell import run_steps


class Example(NamedTuple):
    """The folder in which the example ran, and the stdout of each of its blocks."""

    folder: Path
    printed: list[str]


EXAMPLE: Document = COUNTING.section("A worked example")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("counting")
    [events] = EXAMPLE.blocks("jsonl")
    (folder / "events.jsonl").write_text(events)
    steps = [
        *EXAMPLE.blocks("sh"),
        "talkmeter verify --org acme",
        "talkmeter ingest events.jsonl",
        *COUNTING.section("Checking a figure").blocks(""),
    ]
    return Example(folder, run_steps(steps, folder, {}))


def test_receipt_is_as_shown(example: Example) -> None:
    assert [example.printed[0]] == EXAMPLE.blocks("text")


def test_summary_is_as_shown(example: Example) -> None:
    answer = json.loads(example.printed[1])

    assert answer.pop("last_event_at") is not None
    assert all(day.pop("changed_at") for day in answer["daily"])
    assert [answer] == [json.loads(block) for block in EXAMPLE.blocks("json")]


def test_verify_finds_no_difference(example: Example) -> None:
    assert example.printed[2] == "1 organization verified: every daily total is the sum of its records.\n"


def test_ingesting_the_example_again_counts_nothing(example: Example) -> None:
    assert "0 accepted, 5 duplicate, 0 conflicting, 2 stale, 0 quarantined" in example.printed[3]


def test_records_add_up_to_the_figures(example: Example) -> None:
    listed = example.printed[4]

    assert [re.search(rf"call-{number}\b", listed) is not None for number in (1, 2, 3)] == [True] * 3
    assert "3 calls (1 in, 2 out; 2 with a duration): 95,000 ms voice = 1.58 minutes, 26,000 ms chat" in listed


def test_history_of_the_corrected_call_explains_its_winner(example: Example) -> None:
    winner, loser = example.printed[5].split("\n\n")[1:3]

    assert winner.startswith("counts: Its event has the later time.")
    assert "duration_ms 26000" in winner
    assert loser.startswith("does not count: Its event has an earlier time than the winner's.")
    assert "duration_ms 120000" in loser


def test_sql_query_finds_the_records_of_the_figures(example: Example) -> None:
    [query] = COUNTING.section("Checking a figure").blocks("sql")
    with sqlite3.connect(example.folder / "talkmeter.db") as connection:
        rows = connection.execute(query).fetchall()
    connection.close()

    assert [(row[0], row[5]) for row in rows] == [("call-1", 95_000), ("call-2", 26_000), ("call-3", None)]


@pytest.mark.parametrize(
    ("milliseconds", "minutes"), [(60_000, 1.0), (20_000, 0.33), (299, 0.0), (300, 0.01), (95_000, 1.58)]
)
def test_formula_for_minutes_gives_the_figures_shown(milliseconds: int, minutes: float) -> None:
    [formula] = [code for code in COUNTING.section("Minutes").code() if code.startswith("((")]

    assert eval(formula, {"ms": milliseconds}) == minutes
