"""Encoded answers at hand, each under the ETag of everything it depends on; a bounded number of bytes of them.

What an answer depends on is asked for every request. What is found here under the ETag of now is what would be computed
now; and what is computed is named by what was read in its own snapshot, whatever was asked before.
"""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import msgspec
from cachetools import LRUCache

from talkmeter.api.etag import matches
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.db.engine import Connection, Engine, reading
from talkmeter.period import Present
from talkmeter.usage.revision import Revision, peek_revision, read_revision


class Question(NamedTuple):
    """What somebody asks of an organization now."""

    org_id: str
    present: Present
    etag_of: Callable[[Revision], str]
    """The ETag of the answer at a revision."""
    ask: Callable[[Connection, Revision], object]
    """The answer, in the snapshot the revision was read in."""


class Answers:
    """The answers asked for last; any thread may ask."""

    def __init__(self, engine: Engine, peeks: AutocommitConnections, most_bytes: int) -> None:
        """Nothing is at hand yet."""
        self._engine = engine
        self._peeks = peeks
        self._at_hand: LRUCache[str, bytes] = LRUCache(most_bytes, getsizeof=len)
        self._lock = Lock()

    def answer(self, question: Question, known: str) -> tuple[str, bytes | None]:
        """The ETag of the answer and the answer; None where its caller has it, by the If-None-Match in `known`."""
        etag = question.etag_of(peek_revision(self._peeks, question.org_id, question.present))
        if matches(known, etag):
            return etag, None
        if (answer := self._find(etag)) is not None:
            return etag, answer
        with reading(self._engine) as connection:
            revision = read_revision(connection, question.org_id, question.present)
            answer = msgspec.json.encode(question.ask(connection, revision))
        # Something may have been written since the first look.
        etag = question.etag_of(revision)
        self._keep(etag, answer)
        return etag, answer

    def _find(self, etag: str) -> bytes | None:
        with self._lock:
            return self._at_hand.get(etag)

    def _keep(self, etag: str, answer: bytes) -> None:
        """Keep an answer in place of those not asked for the longest; one larger than all the room is not kept."""
        if len(answer) <= self._at_hand.maxsize:
            with self._lock:
                self._at_hand[etag] = answer
