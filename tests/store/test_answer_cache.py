"""The answer cache while the data changes: each answer has the ETag of the revision it was read at."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Connection, text

from talkmeter.api.answer_cache import AnswerCache, Query
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.usage.revision import Revision
from tests.citus_plugin import TEST_STATEMENT
from tests.events import conversation
from tests.store.ledger import NOW, ORG, Ledger

MAX_BYTES = 10_000


@pytest.fixture
def cache(ledger: Ledger) -> Iterator[AnswerCache]:
    """An empty cache."""
    connections = AutocommitConnections(ledger.engine)
    yield AnswerCache(ledger.engine, connections, MAX_BYTES)
    connections.close()


def etag_for(revision: Revision) -> str:
    return f'"{revision.revision}"'


def count_calls(connection: Connection, _revision: Revision) -> int:
    """An answer: the number of conversations."""
    query = text("SELECT count(*) FROM conversation WHERE org_id = :org")
    return int(connection.execute(query, {"org": ORG}, execution_options=TEST_STATEMENT).scalar_one())


def test_answer_has_the_etag_of_its_snapshot_if_a_write_happens_during_the_query(
    ledger: Ledger, cache: AnswerCache
) -> None:
    ledger.send(conversation("call-1"))
    etags: list[str] = []

    def write_after_the_first_revision(revision: Revision) -> str:
        if not etags:
            ledger.send(conversation("call-2"))
        etags.append(etag_for(revision))
        return etags[-1]

    etag, answer = cache.answer(Query(ORG, NOW, write_after_the_first_revision, count_calls), "")
    first, snapshot = etags
    assert first != snapshot == etag_for(ledger.revision())
    assert (etag, answer) == (snapshot, msgspec.json.encode(2))

    def fail(*_: object) -> object:
        raise AssertionError("not cached")

    assert cache.answer(Query(ORG, NOW, etag_for, fail), "") == (snapshot, msgspec.json.encode(2))
    assert cache.answer(Query(ORG, NOW, etag_for, fail), snapshot) == (snapshot, None)
    with pytest.raises(AssertionError, match="not cached"):
        cache.answer(Query(ORG, NOW, lambda _: first, fail), "")


def test_etag_from_before_a_write_gets_a_new_answer(ledger: Ledger, cache: AnswerCache) -> None:
    ledger.send(conversation("call-1"))
    before, _ = cache.answer(Query(ORG, NOW, etag_for, count_calls), "")
    ledger.send(conversation("call-2"))
    after, answer = cache.answer(Query(ORG, NOW, etag_for, count_calls), before)
    assert after != before
    assert answer == msgspec.json.encode(2)
