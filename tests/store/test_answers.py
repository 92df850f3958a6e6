"""Cached answers while the data changes: each has the ETag of the revision that it was read at."""

import msgspec
import pytest

from talkmeter.api.answers import Answer, Answers
from talkmeter.api.etag import make_etag
from talkmeter.db.engine import reading
from talkmeter.period import read_window
from talkmeter.usage.summary import summary_query
from tests.events import conversation
from tests.store.ledger import NOW, ORG, Ledger

MAX_BYTES = 20_000
MARCH_2026 = summary_query(ORG, read_window("2026-03-01", "2026-04-01", NOW.now), NOW)


@pytest.fixture
def answers() -> Answers:
    """An empty cache."""
    return Answers("database", MAX_BYTES)


def answer(ledger: Ledger, answers: Answers, if_none_match: str = "") -> Answer:
    with reading(ledger.engine) as connection:
        return answers.answer(connection, MARCH_2026, if_none_match)


def test_an_answer_is_read_once_for_each_revision(ledger: Ledger, answers: Answers) -> None:
    ledger.send(conversation("call-1"))

    first = answer(ledger, answers)
    with ledger.executed() as statements:
        again = answer(ledger, answers)
        unchanged = answer(ledger, answers, first.etag)

    assert first.etag == make_etag("database", MARCH_2026, ledger.revision())
    assert msgspec.json.decode(first.encoded.body if first.encoded else b"")["total_calls"] == 1
    assert [statement for statement in statements if "usage_daily" in statement] == []
    assert again == first
    assert unchanged == Answer(first.etag, None)


def test_the_etag_from_before_a_write_gets_a_new_answer(ledger: Ledger, answers: Answers) -> None:
    ledger.send(conversation("call-1"))
    before = answer(ledger, answers)
    ledger.send(conversation("call-2"))

    after = answer(ledger, answers, if_none_match=before.etag)

    assert after.etag != before.etag
    assert msgspec.json.decode(after.encoded.body if after.encoded else b"")["total_calls"] == 2


def test_a_write_during_a_query_changes_neither_its_answer_nor_its_etag(ledger: Ledger, answers: Answers) -> None:
    ledger.send(conversation("call-1"))
    with reading(ledger.engine) as connection:
        before = ledger.revision()
        found = answers.answer(connection, MARCH_2026, "")
        ledger.send(conversation("call-2"))
        again = answers.answer(connection, MARCH_2026, "")

    assert found == again
    assert found.etag == make_etag("database", MARCH_2026, before)
