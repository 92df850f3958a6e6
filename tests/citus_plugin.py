"""Every statement that a test sends to PostgreSQL by the product's code is held against the rules of Citus."""

from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import ExecutionContext

from tests.citus_rules import unsorted_rows, violations

TEST_STATEMENT: Final = {"talkmeter_test_statement": True}
"""Execution options of what a test itself does to a database."""
_wrong: Final[list[str]] = []


@pytest.fixture(scope="session", autouse=True)
def _watched_statements() -> None:
    event.listen(Engine, "before_cursor_execute", _watch)


@pytest.fixture(autouse=True)
def _statements_that_citus_runs(_watched_statements: None) -> Iterator[None]:
    _wrong.clear()
    yield
    assert _wrong == []


def _watch(
    connection: Connection, _cursor: object, statement: str, parameters: object, context: ExecutionContext, many: object
) -> None:
    if connection.dialect.name != "postgresql" or "talkmeter_test_statement" in context.execution_options or many:
        return
    found = list(violations(statement))
    if isinstance(parameters, Sequence) and (unsorted := unsorted_rows(statement, parameters)):
        found.append(unsorted)
    _wrong.extend(f"{sentence} {statement[:300]}" for sentence in found)
