"""The tables of promises and threats name tests that exist."""

import re

import pytest

from tests.docs.documents import ROOT, read

GUARANTEES = read("docs/explanation/reliability.md").section("Guarantees")
PROMISES = read("docs/explanation/reliability.md").section("How they are tested").rows()
THREATS = read("SECURITY.md").section("Threat model").rows()


def named_tests(cell: str) -> list[tuple[str, str]]:
    """Return (file, test) for each test in a cell that has the file first, then its tests."""
    found = []
    path = ""
    for text in re.findall(r"`([^`]+)`", cell):
        if text.startswith("tests/"):
            path = text
        else:
            found.append((path, text))
    return found


def exists(path: str, name: str) -> bool:
    return (ROOT / path).is_file() and f"def {name}(" in (ROOT / path).read_text()


def test_each_guarantee_has_a_row_with_its_tests_and_last_result() -> None:
    assert [row[0] for row in PROMISES] == re.findall(r"^\d\. \*\*(.+)\.\*\*", GUARANTEES.text, re.MULTILINE)
    assert all(result.endswith(".") for _, _, result in PROMISES)


@pytest.mark.parametrize("row", [*PROMISES, *THREATS], ids=lambda row: row[0])
def test_each_promise_and_threat_names_a_test_that_exists(row: list[str]) -> None:
    tests = [test for cell in row for test in named_tests(cell) if test[1].startswith("test_")]

    assert tests
    assert [test for test in tests if not exists(*test)] == []


def test_test_that_does_not_exist_is_found() -> None:
    assert not exists("tests/docs/test_promises.py", "test_of_another_file")
    assert named_tests("`tests/a.py`: `test_b`, `test_c`") == [("tests/a.py", "test_b"), ("tests/a.py", "test_c")]
