"""Answers at hand, asked while the ledger changes: each is named by the revision it was made at, and by no other."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Connection, text

from talkmeter.api.answer_cache import Answers, Question
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.usage.revision import Revision
from tests.citus_plugin import TEST_STATEMENT
from tests.events import conversation
from tests.store.ledger import NOW, ORG, Ledger

BYTES = 10_000


@pytest.fixture
def answers(ledger: Ledger) -> Iterator[Answers]:
    """No answer at hand yet."""
    peeks = AutocommitConnections(ledger.engine)
    yield Answers(ledger.engine, peeks, BYTES)
    peeks.close()


def name_of(revision: Revision) -> str:
    return f'"{revision.revision}"'


def calls(connection: Connection, _revision: Revision) -> int:
    """An answer: how many conversations there are."""
    query = text("SELECT count(*) FROM conversation WHERE org_id = :org")
    return int(connection.execute(query, {"org": ORG}, execution_options=TEST_STATEMENT).scalar_one())


def test_an_answer_that_changes_between_the_first_look_and_the_snapshot_has_the_name_of_the_snapshot(
    ledger: Ledger, answers: Answers
) -> None:
    ledger.tell(conversation("call-1"))
    names: list[str] = []

    def write_after_the_first_look(revision: Revision) -> str:
        if not names:
            ledger.tell(conversation("call-2"))
        names.append(name_of(revision))
        return names[-1]

    etag, answer = answers.answer(Question(ORG, NOW, write_after_the_first_look, calls), "")
    first, snapshot = names
    assert first != snapshot == name_of(ledger.revision())
    assert (etag, answer) == (snapshot, msgspec.json.encode(2))

    def fail(*_: object) -> object:
        raise AssertionError("the answer was at hand")

    assert answers.answer(Question(ORG, NOW, name_of, fail), "") == (snapshot, msgspec.json.encode(2))
    assert answers.answer(Question(ORG, NOW, name_of, fail), snapshot) == (snapshot, None)
    with pytest.raises(AssertionError, match="at hand"):
        answers.answer(Question(ORG, NOW, lambda _: first, fail), "")


def test_what_the_caller_has_from_before_a_write_is_answered_anew(ledger: Ledger, answers: Answers) -> None:
    ledger.tell(conversation("call-1"))
    before, _ = answers.answer(Question(ORG, NOW, name_of, calls), "")
    ledger.tell(conversation("call-2"))
    after, answer = answers.answer(Question(ORG, NOW, name_of, calls), before)
    assert after != before
    assert answer == msgspec.json.encode(2)
