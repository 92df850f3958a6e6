"""A pytest plugin that checks every statement sent to PostgreSQL against the rules of Citus."""

from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import ExecutionContext

from tests.citus_rules import unsorted_rows, violations

TEST_STATEMENT: Final = {"talkmeter_test_statement": True}
"""Execution options of a statement of the test itself, which is not checked."""
_violations: Final[list[str]] = []


@pytest.fixture(scope="session", autouse=True)
def _statement_listener() -> None:
    event.listen(Engine, "before_cursor_execute", _check)


@pytest.fixture(autouse=True)
def _citus_violations(_statement_listener: None) -> Iterator[None]:
    _violations.clear()
    yield
    assert _violations == []


def _check(
    connection: Connection, _cursor: object, statement: str, parameters: object, context: ExecutionContext, many: object
) -> None:
    if connection.dialect.name != "postgresql" or "talkmeter_test_statement" in context.execution_options or many:
        return
    found = list(violations(statement))
    if isinstance(parameters, Sequence) and (unsorted := unsorted_rows(statement, parameters)):
        found.append(unsorted)
    _violations.extend(f"{sentence} {statement[:300]}" for sentence in found)
